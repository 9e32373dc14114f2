"""Files mapped into memory: pages come when they are read, and can be let go of."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MappedFile"]


class MappedFile:
    """A file mapped to be read; the mapping ends with the object.

    Args:
        path: the file, which must not change while it is mapped.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            # An empty file cannot be mapped.
            self._map = (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                if path.stat().st_size
                else None
            )

    def __len__(self) -> int:
        """Return the number of bytes."""
        return 0 if self._map is None else len(self._map)

    def bytes(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` to before ``stop``."""
        return b"" if self._map is None else self._map[start:stop]

    def array(self, dtype: "np.dtype[Any]") -> NDArray[Any]:
        """Return all of it as a read-only array (n,)."""
        return np.empty(0, dtype) if self._map is None else np.frombuffer(self._map, dtype)

    def release(self) -> None:
        """Take the pages out of this process's memory; they come again when they are read."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
