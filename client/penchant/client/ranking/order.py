"""The best of many scores."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_places"]

BLOCK = 256


def best_places(scores: NDArray[np.float32], *, k: int) -> NDArray[np.int64]:
    """Return the places of the ``k`` largest scores, largest first; equal ones by place, int64.

    The k-th largest of the blocks' maxima is at most the k-th largest score, so only what reaches
    it has to be sorted. Places of score minus infinity are left out, so there may be fewer than
    ``k``.

    Args:
        scores: float32 (n,), not NaN.
        k: at least 1.
    """
    blocks = len(scores) // BLOCK
    places = np.arange(len(scores))
    if blocks >= k:
        maxima = scores[: blocks * BLOCK].reshape(blocks, BLOCK).max(axis=1)
        places = np.flatnonzero(scores >= np.partition(maxima, blocks - k)[blocks - k])
    places = places[scores[places] > -np.inf]
    return places[np.argsort(-scores[places], kind="stable")[:k]]
