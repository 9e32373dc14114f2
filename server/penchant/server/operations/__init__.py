"""What operators see and do: the server's own records, and commands on them."""
