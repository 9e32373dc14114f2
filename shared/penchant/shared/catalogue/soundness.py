"""Whether the files of a catalogue are a catalogue: for one that somebody else has made.

Hashes tell that files are what their author wrote; this tells that the author wrote a catalogue.
What is sound can be read in any way without an error.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue.index import Fingerprint, id_hashes
from penchant.shared.catalogue.manifest import EMBEDDINGS, SCALES, Manifest, read_manifest
from penchant.shared.catalogue.mapping import MappedFile
from penchant.shared.catalogue.precision import Precision
from penchant.shared.catalogue.strings import MappedStrings
from penchant.shared.errors import DataError

__all__ = ["require_sound"]

BLOCK = 1 << 20
LARGEST_STEP = 128  # of an int8, without its sign


def require_sound(folder: Path) -> None:
    """Refuse a catalogue whose files contradict each other; some seconds for a million items.

    Raises:
        DataError: what is wrong with it.
    """
    manifest = read_manifest(folder, verify=False)
    try:
        hashes = _checked_ids(folder, manifest)
        _require_index(folder, manifest, hashes)
        if manifest.texts:
            for text in _strings(folder, "texts", "text_offsets"):
                del text  # decoding it is the check
        _require_finite(folder, manifest)
    except (OSError, ValueError) as error:
        raise DataError(f"the catalogue {folder} is not sound: {error}") from error


def _strings(folder: Path, content: str, offsets: str) -> MappedStrings:
    held, places = MappedFile(folder / content), MappedFile(folder / offsets)
    starts = places.array(np.dtype("<u8"))
    # Compared, not subtracted: they have no sign.
    if starts[0] != 0 or starts[-1] != len(held) or (starts[1:] < starts[:-1]).any():
        raise ValueError(f"{offsets} does not divide {content}")
    return MappedStrings(held, places)


def _checked_ids(folder: Path, manifest: Manifest) -> NDArray[np.uint64]:
    """Return the hash of every id, uint64 (J,)."""
    ids = _strings(folder, "ids", "id_offsets")
    fingerprint, hashes = Fingerprint(), np.empty(len(ids), dtype=np.uint64)
    for row in range(len(ids)):
        raw = ids.raw(row)
        raw.decode()
        fingerprint.add(raw)
        hashes[row : row + 1] = id_hashes([raw])
    if fingerprint.value() != manifest.fingerprint:
        raise ValueError("its fingerprint is not that of its ids")
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    for place in np.flatnonzero(ordered[1:] == ordered[:-1]):
        if ids.raw(int(order[place])) == ids.raw(int(order[place + 1])):
            raise ValueError(f"the id {ids[int(order[place])]!r} is repeated")
    return hashes


def _require_index(folder: Path, manifest: Manifest, hashes: NDArray[np.uint64]) -> None:
    rows = MappedFile(folder / "rows").array(np.dtype("<u4"))
    kept = MappedFile(folder / "hashes").array(np.dtype("<u8"))
    if rows.max() >= manifest.items or (np.bincount(rows, minlength=manifest.items) != 1).any():
        raise ValueError("its rows are not each item's once")
    if (kept[1:] < kept[:-1]).any() or (hashes[rows] != kept).any():
        raise ValueError("its hashes are not those of its ids")


def _require_finite(folder: Path, manifest: Manifest) -> None:
    is_int8 = manifest.precision is Precision.INT8
    name, dtype = (SCALES, "<f4") if is_int8 else (EMBEDDINGS, manifest.precision.stored)
    file = MappedFile(folder / name)
    numbers = file.array(np.dtype(dtype))
    # A scale is multiplied by what the embeddings hold: the product must be a number too.
    largest = np.finfo(dtype).max / (LARGEST_STEP if is_int8 else 1)
    for start in range(0, len(numbers), BLOCK):
        if not (np.abs(numbers[start : start + BLOCK]) <= largest).all():
            raise ValueError(f"its {name} hold numbers that are not finite, or make such")
        file.release()
