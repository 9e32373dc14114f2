"""The catalogue: the items that can be recommended, their texts and their embeddings."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError

__all__ = ["UNKNOWN_ITEM", "Catalogue"]

UNKNOWN_ITEM = -1


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Items that can be recommended, in a fixed order that the ranker's item tables share.

    Attributes:
        items: their ids, all different.
        embeddings: float32 (J, m), unit norm, from the encoder.

    Raises:
        DataError: there is not one finite embedding an item, or an id is repeated.
    """

    items: tuple[str, ...]
    embeddings: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or len(self.embeddings) != len(self.items):
            raise DataError(
                f"the catalogue has {len(self.items)} items but embeddings of shape "
                f"{self.embeddings.shape}; one row an item is needed"
            )
        if not np.isfinite(self.embeddings).all():
            raise DataError("the catalogue's embeddings hold numbers that are not finite")
        if len(self._positions) != len(self.items):
            repeated = len(self.items) - len(self._positions)
            raise DataError(f"{repeated} item ids of the catalogue are repeated; ids must differ")

    @classmethod
    def of(cls, items: Sequence[str], embeddings: NDArray[np.float32]) -> Self:
        """Return the catalogue of ``items`` with their ``embeddings``, float32 (J, m)."""
        return cls(tuple(items), np.ascontiguousarray(embeddings, dtype=np.float32))

    def __len__(self) -> int:
        """Return J, the number of items."""
        return len(self.items)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {item: position for position, item in enumerate(self.items)}

    def positions(self, items: Iterable[str | None]) -> NDArray[np.int64]:
        """Return each item's row, int64; ``UNKNOWN_ITEM`` where the catalogue has no such item."""
        found = self._positions
        return np.fromiter(
            (UNKNOWN_ITEM if item is None else found.get(item, UNKNOWN_ITEM) for item in items),
            dtype=np.int64,
        )

    def known_positions(self, items: Sequence[str]) -> NDArray[np.int64]:
        """Return each item's row, int64.

        Raises:
            DataError: the catalogue does not have one of them.
        """
        positions = self.positions(items)
        unknown = np.flatnonzero(positions == UNKNOWN_ITEM)
        if len(unknown):
            raise DataError(
                f"{len(unknown)} of {len(items)} items are not in the catalogue, such as "
                f"{items[int(unknown[0])]!r}; only catalogue items can be recommended"
            )
        return positions

    @cached_property
    def fingerprint(self) -> str:
        """Which items there are, in which order: 16 hexadecimal digits.

        Embeddings are not in it: the same model gives them to the last bit on one machine only.
        """
        digest = hashlib.sha256()
        for item in self.items:
            encoded = item.encode()
            digest.update(len(encoded).to_bytes(4, "little") + encoded)
        return digest.hexdigest()[:16]
