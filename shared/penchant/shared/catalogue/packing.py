"""A catalogue's folder as one file: how a release travels.

The file is an uncompressed tar (POSIX ustar) in its one canonical form: ``manifest.json`` first,
then the other files by name, no times, no owners, zeros wherever something is padded. Unpacking
compares each header with the one that packing would have written, so that a file either is such a
packed catalogue or is refused: there is no place for a path, a link, a second copy or a hole.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from penchant.shared.catalogue.manifest import MANIFEST_FILE, Manifest, read_manifest
from penchant.shared.catalogue.soundness import require_sound
from penchant.shared.errors import DataError
from penchant.shared.files import whole_folder

__all__ = ["pack_catalogue", "packed_hash", "unpack_catalogue"]

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
CHUNK = 1 << 20
LARGEST_MANIFEST = 1 << 16


def pack_catalogue(folder: Path, path: Path) -> None:
    """Write the catalogue in ``folder`` to ``path``, always the same bytes for the same catalogue.

    Raises:
        DataError: it is not a catalogue, or cannot be read or written.
    """
    try:
        with path.open("wb") as file:
            file.writelines(_packed(folder))
    except (OSError, ValueError) as error:
        raise DataError(f"the catalogue {folder} cannot be packed: {error}") from error


def packed_hash(folder: Path) -> str:
    """Return the SHA-256 that the file of ``pack_catalogue`` has, 64 hexadecimal digits.

    Raises:
        DataError: it is not a catalogue, or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for part in _packed(folder):
            digest.update(part)
    except (OSError, ValueError) as error:
        raise DataError(f"the catalogue {folder} cannot be read: {error}") from error
    return digest.hexdigest()


def unpack_catalogue(path: Path, folder: Path) -> None:
    """Make ``folder`` of a packed catalogue, whole or not at all; ``Catalogue.open`` maps it.

    Everything is checked: that the file is what ``pack_catalogue`` writes, and that what is in it
    is a catalogue to the last offset and hash, whoever made it.

    Args:
        path: the file.
        folder: where to; must be absent or empty.

    Raises:
        DataError: it is not a packed catalogue, or cannot be read or written.
    """
    try:
        with path.open("rb") as file, whole_folder(folder) as scratch:
            _unpack(file, scratch, left=path.stat().st_size)
            read_manifest(scratch, verify=True)
            require_sound(scratch)
    except (OSError, ValueError, tarfile.TarError) as error:
        raise DataError(f"{path} is not a packed catalogue: {error}") from error


def _packed(folder: Path) -> Iterator[bytes]:
    manifest = read_manifest(folder, verify=False)
    for name in (MANIFEST_FILE, *sorted(manifest.files)):
        with (folder / name).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            yield _header(name, size)
            while part := file.read(CHUNK):
                yield part
            yield bytes(-size % BLOCK)
    yield END


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _unpack(file: BinaryIO, folder: Path, *, left: int) -> None:
    """Write the files that ``file`` packs to ``folder``.

    Args:
        file: at its beginning.
        folder: an empty one.
        left: how many bytes it has.
    """
    size = _member_size(file, MANIFEST_FILE)
    if size > LARGEST_MANIFEST:
        raise ValueError(f"its manifest has {size} bytes; at most {LARGEST_MANIFEST} may be")
    _copy(file, folder / MANIFEST_FILE, size)
    expected = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes()).sizes()
    left -= BLOCK + size
    for name in sorted(expected):
        size, known = _member_size(file, name), expected[name]
        if size > left or (known is not None and size != known):
            raise ValueError(f"its {name} has {size} bytes; {known or left} were expected")
        _copy(file, folder / name, size)
        left -= BLOCK + size
    if file.read(len(END) + 1) != END:
        raise ValueError("it does not end where it should")


def _member_size(file: BinaryIO, name: str) -> int:
    header = file.read(BLOCK)
    size = tarfile.TarInfo.frombuf(header, "ascii", "strict").size
    if size < 0 or header != _header(name, size):
        raise ValueError(f"{name} does not come where it should, or not as it should")
    return size


def _copy(file: BinaryIO, path: Path, size: int) -> None:
    with path.open("xb") as out:
        left = size
        while left:
            part = file.read(min(CHUNK, left))
            if not part:
                raise ValueError("it breaks off")
            out.write(part)
            left -= len(part)
    padding = -size % BLOCK
    if file.read(padding) != bytes(padding):
        raise ValueError("it is padded with something else than zeros")
