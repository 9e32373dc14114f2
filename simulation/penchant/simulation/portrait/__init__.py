"""One person's interests over time, as a simulation's owner may see them."""
