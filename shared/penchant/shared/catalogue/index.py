"""From an item's id to its row, and what all ids and their order come to."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue.mapping import MappedFile
from penchant.shared.catalogue.strings import MappedStrings

__all__ = ["UNKNOWN_ITEM", "Fingerprint", "HeldIndex", "ItemIndex", "MappedIndex", "id_hashes"]

UNKNOWN_ITEM = -1


class Fingerprint:
    """Which items there are, in which order: 16 hexadecimal digits."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, item: bytes) -> None:
        """Take the next item's id, in UTF-8."""
        self._digest.update(len(item).to_bytes(4, "little") + item)

    def value(self) -> str:
        """Return the fingerprint of the items so far."""
        return self._digest.hexdigest()[:16]


class ItemIndex(Protocol):
    """Knows each item's row."""

    def positions(self, items: Iterable[str | None]) -> NDArray[np.int64]:
        """Return each item's row, int64; ``UNKNOWN_ITEM`` where there is no such item."""


class HeldIndex:
    """Rows in a dictionary.

    Args:
        items: the ids, by row.
    """

    def __init__(self, items: Sequence[str]) -> None:
        self._rows = {item: row for row, item in enumerate(items)}

    def __len__(self) -> int:
        """Return how many different ids there are."""
        return len(self._rows)

    def positions(self, items: Iterable[str | None]) -> NDArray[np.int64]:
        """Return each item's row, int64; ``UNKNOWN_ITEM`` where there is no such item."""
        rows = self._rows
        return np.fromiter(
            (UNKNOWN_ITEM if item is None else rows.get(item, UNKNOWN_ITEM) for item in items),
            dtype=np.int64,
        )


def id_hashes(ids: Iterable[bytes]) -> NDArray[np.uint64]:
    """Return the first 64 bits of the BLAKE2b hash of each id in UTF-8, uint64 (n,)."""
    digests = b"".join(hashlib.blake2b(item, digest_size=8).digest() for item in ids)
    return np.frombuffer(digests, dtype="<u8")


class MappedIndex:
    """Rows by the hash of the id, mapped from files: nothing a row is kept in memory.

    Args:
        ids: the ids, by row.
        hashes: uint64 (J,), little-endian, their hashes in rising order.
        rows: uint32 (J,), little-endian, the row of each hash.
    """

    def __init__(self, ids: MappedStrings, hashes: MappedFile, rows: MappedFile) -> None:
        self._ids = ids
        self._hashes = hashes.array(np.dtype("<u8"))
        self._rows = rows.array(np.dtype("<u4"))

    def positions(self, items: Iterable[str | None]) -> NDArray[np.int64]:
        """Return each item's row, int64; ``UNKNOWN_ITEM`` where there is no such item."""
        wanted = [None if item is None else item.encode() for item in items]
        named = [item for item in wanted if item is not None]
        hashes = id_hashes(named)
        places = np.searchsorted(self._hashes, hashes).tolist()
        rows = iter(
            [
                self._row(item, place, digest)
                for item, place, digest in zip(named, places, hashes.tolist(), strict=True)
            ]
        )
        return np.array(
            [UNKNOWN_ITEM if item is None else next(rows) for item in wanted], dtype=np.int64
        )

    def _row(self, item: bytes, place: int, digest: int) -> int:
        # Different ids may share a hash, so the ids themselves decide.
        while place < len(self._hashes) and self._hashes[place] == digest:
            row = int(self._rows[place])
            if self._ids.raw(row) == item:
                return row
            place += 1
        return UNKNOWN_ITEM
