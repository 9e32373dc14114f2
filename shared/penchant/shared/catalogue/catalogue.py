"""The catalogue: the items that can be recommended, their texts and their embeddings."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue.embeddings import Embeddings, HeldEmbeddings, MappedEmbeddings
from penchant.shared.catalogue.index import (
    UNKNOWN_ITEM,
    Fingerprint,
    HeldIndex,
    ItemIndex,
    MappedIndex,
)
from penchant.shared.catalogue.mapping import MappedFile
from penchant.shared.catalogue.precision import Precision
from penchant.shared.catalogue.strings import MappedStrings
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.texts import TextEncoder

__all__ = ["UNKNOWN_ITEM", "Catalogue"]


class Catalogue:
    """Items that can be recommended, in a fixed order that the ranker's item tables share.

    ``Catalogue.of`` holds one in memory; ``Catalogue.open`` maps one from disk, so that a device
    can have a million items.

    Attributes:
        items: their ids, all different.
        texts: their texts, if they are known.
        encoder: fingerprint of the encoder that embedded them, if it is known.
    """

    def __init__(
        self,
        items: Sequence[str],
        texts: Sequence[str] | None,
        *,
        embeddings: Embeddings,
        index: ItemIndex,
        fingerprint: str | None = None,
        encoder: str | None = None,
    ) -> None:
        self.items = items
        self.texts = texts
        self.encoder = encoder
        self._embeddings = embeddings
        self._index = index
        self._fingerprint = fingerprint

    @classmethod
    def of(
        cls,
        items: Sequence[str],
        embeddings: NDArray[np.float32],
        *,
        texts: Sequence[str] | None = None,
    ) -> Self:
        """Return the catalogue of ``items`` with their ``embeddings``, held in memory.

        Args:
            items: ids, all different.
            embeddings: float32 (J, m), unit norm, from the encoder.
            texts: what the items are called, if it is to be shown.

        Raises:
            DataError: there is not one finite embedding and one text an item, or an id is repeated.
        """
        held = np.ascontiguousarray(embeddings, dtype=np.float32)
        if held.ndim != 2 or len(held) != len(items):
            raise DataError(
                f"the catalogue has {len(items)} items but embeddings of shape {held.shape}; "
                "one row an item is needed"
            )
        if texts is not None and len(texts) != len(items):
            raise DataError(
                f"the catalogue has {len(items)} items but {len(texts)} texts; one an item is "
                "needed"
            )
        if not np.isfinite(held).all():
            raise DataError("the catalogue's embeddings hold numbers that are not finite")
        index = HeldIndex(items)
        if len(index) != len(items):
            repeated = len(items) - len(index)
            raise DataError(f"{repeated} item ids of the catalogue are repeated; ids must differ")
        return cls(
            tuple(items),
            None if texts is None else tuple(texts),
            embeddings=HeldEmbeddings(held),
            index=index,
        )

    @staticmethod
    def write(
        folder: Path,
        items: Iterable[str],
        *,
        texts: Iterable[str] | None = None,
        embeddings: NDArray[np.float32] | None = None,
        encoder: TextEncoder | None = None,
        embedded_by: str | None = None,
        precision: Precision | str = Precision.INT8,
    ) -> None:
        """Write a catalogue for ``Catalogue.open``, as its items come; whole or not at all.

        A million items of 384 numbers take about half a gigabyte on disk as int8, and some tens of
        megabytes of memory while they are written.

        Args:
            folder: where to; must be absent or empty.
            items: ids, all different.
            texts: one an item, in the same order; needed to embed them, and kept to be shown.
            embeddings: (J, m), unit norm, in the same order; it may be mapped from a file.
            encoder: embeds the texts, if there are no embeddings.
            embedded_by: fingerprint of the encoder that gave the embeddings, if it is known.
            precision: how embeddings are kept.

        Raises:
            ConfigurationError: not one of ``embeddings`` and ``encoder`` was given, an encoder
                without texts, or a precision that there is not.
            DataError: the folder is not empty or cannot be written, there is not one finite
                embedding and one text an item, or an id is repeated.
        """
        # Only who writes or opens a file needs its manifest, and the library that checks it.
        from penchant.shared.catalogue.writing import write_catalogue

        if precision not in tuple(Precision):
            raise ConfigurationError(
                f"the precision is {precision!r}; choose one of {', '.join(Precision)}"
            )
        write_catalogue(
            folder,
            items,
            texts=texts,
            embeddings=embeddings,
            encoder=encoder,
            embedded_by=embedded_by,
            precision=Precision(precision),
        )

    @classmethod
    def open(cls, folder: Path, *, verify: bool = True) -> Self:
        """Return the catalogue that ``write`` put in ``folder``, mapped: it is read as needed.

        Args:
            folder: where it is; it must not change while it is open.
            verify: check the hash of every file, at more than a gigabyte a second; without, only
                their sizes.

        Raises:
            DataError: it is not a catalogue, is of another format, or is damaged.
        """
        from penchant.shared.catalogue.manifest import EMBEDDINGS, SCALES, read_manifest

        manifest = read_manifest(folder, verify=verify)

        def mapped(name: str) -> MappedFile:
            return MappedFile(folder / name)

        try:
            items = MappedStrings(mapped("ids"), mapped("id_offsets"))
            embeddings = MappedEmbeddings(
                (manifest.items, manifest.dimension),
                mapped(EMBEDDINGS),
                np.dtype(manifest.precision.stored),
                mapped(SCALES).array(np.dtype("<f4")) if SCALES in manifest.files else None,
            )
            return cls(
                items,
                MappedStrings(mapped("texts"), mapped("text_offsets")) if manifest.texts else None,
                embeddings=embeddings,
                index=MappedIndex(items, mapped("hashes"), mapped("rows")),
                fingerprint=manifest.fingerprint,
                encoder=manifest.encoder,
            )
        except OSError as error:
            raise DataError(f"the catalogue {folder} cannot be read: {error}") from error

    def __len__(self) -> int:
        """Return J, the number of items."""
        return self._embeddings.shape[0]

    @property
    def dimension(self) -> int:
        """Length m of an embedding."""
        return self._embeddings.shape[1]

    @property
    def held(self) -> bool:
        """Whether all embeddings are in memory as float32."""
        return isinstance(self._embeddings, HeldEmbeddings)

    @cached_property
    def embeddings(self) -> NDArray[np.float32]:
        """All embeddings, float32 (J, m), unit norm; of a mapped catalogue, a copy in memory.

        Use ``rows`` or ``blocks`` where the catalogue may be large.
        """
        return self._embeddings.whole()

    def rows(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of the items at ``positions``, float32 (n, m), a copy."""
        return self._embeddings.rows(positions)

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Give all embeddings in order, some thousands at a time, with the rows they are of."""
        return self._embeddings.blocks()

    def spread(self, *, most: int = 8192) -> NDArray[np.float32]:
        """Return embeddings that stand for all: of ``most`` items at most, evenly spread."""
        count = min(len(self), most)
        embeddings = self.rows(np.arange(count) * len(self) // count)
        self.release()
        return embeddings

    def release(self) -> None:
        """Let go of memory that can be had again from disk."""
        self._embeddings.release()

    def text(self, position: int) -> str | None:
        """Return the text of the item at ``position``, if texts are known."""
        return None if self.texts is None else self.texts[position]

    def positions(self, items: Iterable[str | None]) -> NDArray[np.int64]:
        """Return each item's row, int64; ``UNKNOWN_ITEM`` where the catalogue has no such item."""
        return self._index.positions(items)

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
        if self._fingerprint is not None:
            return self._fingerprint
        fingerprint = Fingerprint()
        for item in self.items:
            fingerprint.add(item.encode())
        return fingerprint.value()
