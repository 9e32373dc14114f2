"""What every implementation of event-private training agrees on; light to import."""

__all__ = ["NOISE_KEY", "PRIVATE_VECTOR", "TRAINED"]

PRIVATE_VECTOR = "private_vector"

# What such a round moves, in the order in which its noise is drawn.
TRAINED = (PRIVATE_VECTOR, "item_projection", "popularity", "item_residual")

# Noise has a stream of its own, so that what is drawn beside it does not depend on how much.
NOISE_KEY = 0
