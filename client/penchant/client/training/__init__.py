"""Training on the device: the only part of the client that needs torch (the ``train`` extra)."""
