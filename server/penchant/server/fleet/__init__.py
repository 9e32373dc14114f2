"""Messages to and from devices: Flower's node registry and mailbox, behind our own routes."""
