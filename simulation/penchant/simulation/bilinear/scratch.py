"""Arrays that are used again: asking the system for fresh memory costs more than the arithmetic."""

import math
import threading

import numpy as np
from numpy.typing import NDArray

__all__ = ["scratch"]

LARGEST = 2**24  # numbers; what is larger is not kept


class _Kept(threading.local):
    """One array of each name for each thread."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[np.float32]] = {}


_KEPT = _Kept()


def scratch(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a float32 array of any content, this thread's until it asks for ``name`` again."""
    size = math.prod(shape)
    if size > LARGEST:
        return np.empty(shape, dtype=np.float32)
    kept = _KEPT.arrays.get(name)
    if kept is None or kept.size < size:
        kept = _KEPT.arrays[name] = np.empty(size, dtype=np.float32)
    return kept[:size].reshape(shape)
