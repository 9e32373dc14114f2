"""Embeddings of a catalogue, as they are kept and as float32."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue.mapping import MappedFile

__all__ = ["BLOCK_ITEMS", "Embeddings", "HeldEmbeddings", "MappedEmbeddings", "quantised"]

# 2048 rows of 384 numbers are 3 MB as float32: enough to multiply well, little in memory.
BLOCK_ITEMS = 2048
LARGEST_INT8 = 127.0


def quantised(embeddings: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 (n, m) numbers and float32 (n,) scales of float32 (n, m) rows.

    A row is its numbers times its scale, to within half a scale: the largest of the row is 127
    scales. A row of zeros has scale 0.
    """
    scales = np.abs(embeddings).max(axis=1, initial=0.0) / LARGEST_INT8
    divisors = np.where(scales > 0, scales, 1.0)
    numbers = np.rint(embeddings / divisors[:, None]).astype(np.int8)
    return numbers, scales.astype(np.float32)


class Embeddings:
    """Rows of a float32 (J, m) table, however they are kept.

    Attributes:
        shape: (J, m).
    """

    shape: tuple[int, int]

    def rows(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return some rows, float32 (n, m), a copy for the caller to keep."""
        raise NotImplementedError

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Give all rows in order, some thousands at a time, with the places they have."""
        for start in range(0, self.shape[0], BLOCK_ITEMS):
            block = slice(start, min(start + BLOCK_ITEMS, self.shape[0]))
            yield block, self.rows(block)
            self.release()

    def release(self) -> None:
        """Let go of memory that can be had again from disk."""

    def whole(self) -> NDArray[np.float32]:
        """Return all rows, float32 (J, m)."""
        return self.rows(slice(0, self.shape[0]))


@dataclass(frozen=True, eq=False)
class HeldEmbeddings(Embeddings):
    """Rows in memory, float32 (J, m)."""

    table: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """(J, m)."""
        items, dimension = self.table.shape
        return int(items), int(dimension)

    def rows(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return some rows, float32 (n, m), a copy for the caller to keep."""
        return self.table[rows].copy() if isinstance(rows, slice) else self.table[rows]

    def whole(self) -> NDArray[np.float32]:
        """Return all rows, float32 (J, m): the table itself."""
        return self.table


@dataclass(frozen=True, eq=False)
class MappedEmbeddings(Embeddings):
    """Rows mapped from a file, as float16 or float32, or as int8 with a scale a row.

    Attributes:
        shape: (J, m).
        file: the numbers.
        dtype: what they are.
        scales: float32 (J,), for int8.
    """

    shape: tuple[int, int]
    file: MappedFile
    dtype: "np.dtype[Any]"
    scales: NDArray[np.float32] | None

    def rows(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return some rows, float32 (n, m), a copy for the caller to keep."""
        table = self.file.array(self.dtype).reshape(self.shape)
        some = table[rows].astype(np.float32)
        if self.scales is not None:
            some *= self.scales[rows][:, None]
        return some

    def release(self) -> None:
        """Let go of memory that can be had again from disk."""
        self.file.release()
