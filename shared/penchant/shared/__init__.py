"""What devices, servers and simulations must agree on."""
