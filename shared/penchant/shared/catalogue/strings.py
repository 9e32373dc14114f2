"""Many strings in a file: bytes one after the other, and where each begins."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from penchant.shared.catalogue.mapping import MappedFile

__all__ = ["MappedStrings"]


class MappedStrings(Sequence[str]):
    """A sequence of strings mapped from two files.

    Args:
        content: the strings in UTF-8, one after the other.
        offsets: uint64 (n + 1,), little-endian: where each begins, and where the last ends.
    """

    def __init__(self, content: MappedFile, offsets: MappedFile) -> None:
        self._content = content
        self._offsets = offsets.array(np.dtype("<u8"))

    def __len__(self) -> int:
        """Return the number of strings."""
        return len(self._offsets) - 1

    def raw(self, place: int) -> bytes:
        """Return a string in UTF-8."""
        return self._content.bytes(int(self._offsets[place]), int(self._offsets[place + 1]))

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...

    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        """Return one string, or the tuple of some."""
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        row = int(place)
        if not -len(self) <= row < len(self):
            raise IndexError(f"place {row} is not among {len(self)} strings")
        return self.raw(row % len(self)).decode()

    def __iter__(self) -> Iterator[str]:
        """Give all strings in order."""
        return (self.raw(place).decode() for place in range(len(self)))
