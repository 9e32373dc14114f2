"""Writing a catalogue to disk as its items come, so that it need not fit in memory."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue.embeddings import BLOCK_ITEMS, quantised
from penchant.shared.catalogue.index import Fingerprint, id_hashes
from penchant.shared.catalogue.manifest import EMBEDDINGS, MANIFEST_FILE, Manifest
from penchant.shared.catalogue.mapping import MappedFile
from penchant.shared.catalogue.precision import Precision
from penchant.shared.catalogue.strings import MappedStrings
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.files import sha256_of, whole_folder
from penchant.shared.texts import TextEncoder

__all__ = ["write_catalogue"]


def write_catalogue(
    folder: Path,
    items: Iterable[str],
    *,
    texts: Iterable[str] | None,
    embeddings: NDArray[np.float32] | None,
    encoder: TextEncoder | None,
    embedded_by: str | None,
    precision: Precision,
) -> None:
    """Write a catalogue to ``folder``, whole or not at all; see ``Catalogue.write``."""
    if (embeddings is None) == (encoder is None):
        raise ConfigurationError("give either the embeddings or the encoder that makes them")
    if encoder is not None and texts is None:
        raise ConfigurationError("an encoder embeds texts; give the items' texts")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there already; choose another place, or remove it first")
    named = ((item, None) for item in items) if texts is None else zip(items, texts, strict=True)
    try:
        with whole_folder(folder) as scratch:
            with ExitStack() as stack:
                writer = _Writer(scratch, stack, precision=precision, texts=texts is not None)
                for start, block in _blocks(named):
                    rows = _embedded(start, block, embeddings=embeddings, encoder=encoder)
                    writer.add([item for item, _ in block], [text for _, text in block], rows)
            if embeddings is not None and len(embeddings) != writer.items:
                raise DataError(
                    f"there are {writer.items} items and {len(embeddings)} embeddings; one an item "
                    "is needed"
                )
            writer.finish(encoder=embedded_by if encoder is None else encoder.fingerprint)
    except OSError as error:
        raise DataError(f"the catalogue {folder} cannot be written: {error}") from error
    except ValueError as error:
        raise DataError(f"the catalogue {folder} cannot be written: {error}") from error


def _blocks(
    named: Iterable[tuple[str, str | None]],
) -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    start, rest = 0, iter(named)
    for first in rest:
        block = list(islice(chain([first], rest), BLOCK_ITEMS))
        yield start, block
        start += len(block)


def _embedded(
    start: int,
    block: list[tuple[str, str | None]],
    *,
    embeddings: NDArray[np.float32] | None,
    encoder: TextEncoder | None,
) -> NDArray[np.float32]:
    if encoder is not None:
        return encoder.encode([text or "" for _, text in block])
    given = np.empty((0, 0)) if embeddings is None else embeddings
    if given.ndim != 2 or len(given) < start + len(block):
        raise DataError(
            f"there are at least {start + len(block)} items but embeddings of shape "
            f"{given.shape}; one row an item is needed"
        )
    return np.asarray(given[start : start + len(block)], dtype=np.float32)


class _Strings:
    """Strings being written: their bytes, and where each begins."""

    def __init__(self, content: BinaryIO, offsets: BinaryIO) -> None:
        self._content, self._offsets, self._end = content, offsets, 0
        offsets.write(bytes(8))

    def add(self, strings: list[bytes]) -> None:
        self._content.write(b"".join(strings))
        ends = self._end + np.cumsum([len(string) for string in strings], dtype="<u8")
        self._offsets.write(ends.astype("<u8").tobytes())
        self._end = int(ends[-1])


class _Writer:
    """Writes the files of a catalogue, block by block."""

    def __init__(
        self, folder: Path, stack: ExitStack, *, precision: Precision, texts: bool
    ) -> None:
        def opened(name: str) -> BinaryIO:
            return stack.enter_context((folder / name).open("wb"))

        self.items = 0
        self._folder, self._precision, self._dimension = folder, precision, 0
        self._fingerprint = Fingerprint()
        self._hashes: list[NDArray[np.uint64]] = []
        self._ids = _Strings(opened("ids"), opened("id_offsets"))
        self._texts = _Strings(opened("texts"), opened("text_offsets")) if texts else None
        self._embeddings = opened(EMBEDDINGS)
        self._scales = opened("scales") if precision is Precision.INT8 else None

    def add(
        self, items: list[str], texts: list[str | None], embeddings: NDArray[np.float32]
    ) -> None:
        """Write the next items, with float32 (n, m) embeddings."""
        if not np.isfinite(embeddings).all():
            raise DataError("the catalogue's embeddings hold numbers that are not finite")
        self.items += len(items)
        self._dimension = embeddings.shape[1]
        ids = [item.encode() for item in items]
        for item in ids:
            self._fingerprint.add(item)
        self._hashes.append(id_hashes(ids))
        self._ids.add(ids)
        if self._texts is not None:
            self._texts.add([(text or "").encode() for text in texts])
        if self._scales is None:
            self._embeddings.write(embeddings.astype(self._precision.stored).tobytes())
        else:
            numbers, scales = quantised(embeddings)
            self._embeddings.write(numbers.tobytes())
            self._scales.write(scales.astype("<f4").tobytes())

    def finish(self, *, encoder: str | None) -> None:
        """Write the index and the manifest, once the files of the blocks are closed."""
        if not self.items:
            raise DataError("a catalogue needs at least one item; none was given")
        hashes = np.concatenate(self._hashes)
        order = np.argsort(hashes, kind="stable")
        self._refuse_repeated(hashes[order], order)
        (self._folder / "hashes").write_bytes(hashes[order].astype("<u8").tobytes())
        (self._folder / "rows").write_bytes(order.astype("<u4").tobytes())
        manifest = Manifest(
            items=self.items,
            dimension=self._dimension,
            precision=self._precision,
            fingerprint=self._fingerprint.value(),
            encoder=encoder,
            texts=self._texts is not None,
            files={file.name: sha256_of(file) for file in sorted(self._folder.iterdir())},
        )
        (self._folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n")

    def _refuse_repeated(self, hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        places = np.flatnonzero(hashes[1:] == hashes[:-1])
        ids = MappedStrings(
            MappedFile(self._folder / "ids"), MappedFile(self._folder / "id_offsets")
        )
        # Rows of one hash are few: ids that differ share one by chance, once in 10^7 catalogues.
        repeated = sum(
            ids.raw(int(rows[place])) == ids.raw(int(rows[place + 1])) for place in places
        )
        if repeated:
            raise DataError(f"{repeated} item ids of the catalogue are repeated; ids must differ")
