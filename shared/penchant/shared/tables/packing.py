"""A file's bytes, unpacked if they are packed: gzip, bzip2, xz and zip, told by how they begin."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

from penchant.shared.errors import DataError

__all__ = ["DAMAGED", "last_written", "open_binary"]

# What reading a damaged file raises, from whichever library unpacks it.
DAMAGED = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
_GZIP, _BZIP2, _XZ, _ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04"
_OTHERS = {b"\x28\xb5\x2f\xfd": "Zstandard", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!": "RAR"}
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LONGEST_MARK = 6
_SHOWN = 5


def open_binary(path: Path) -> IO[bytes]:
    """Open a file, which may be packed, to be read once.

    Args:
        path: the file; a zip archive with one file in it; or a file in an archive, as
            ``archive.zip/folder/ratings.csv``.

    Raises:
        DataError: there is no such file, it cannot be opened, it is packed in another way, or an
            archive has several files and none is named.
    """
    file, member = _split(path)
    if file.name.lower().endswith(_TARS):
        raise DataError(f"{file} is a tar archive; unpack it, and give a file of it")
    try:
        with file.open("rb") as packed:
            mark = packed.read(_LONGEST_MARK)
        if mark.startswith(_ZIP):
            return _open_member(file, member)
        if member:
            raise DataError(f"there is no file {path}: {file} is no zip archive")
        for start, name in _OTHERS.items():
            if mark.startswith(start):
                raise DataError(f"{file} is packed by {name}; unpack it, or pack it by gzip")
        return _unpacking(file, mark)
    except (OSError, zipfile.BadZipFile) as error:
        told = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {told}") from error


def last_written(path: Path) -> int:
    """Return when a file, or the archive that holds it, was last written: unix seconds."""
    return int(_split(path)[0].stat().st_mtime)


def _split(path: Path) -> tuple[Path, str]:
    """Return the file on disk, and the path inside it if it is an archive."""
    for file in (path, *path.parents):
        if file.is_file():
            return file, path.relative_to(file).as_posix() if file != path else ""
    raise DataError(f"there is no file {path}")


def _unpacking(file: Path, mark: bytes) -> IO[bytes]:
    if mark.startswith(_GZIP):
        return cast(IO[bytes], gzip.open(file))
    if mark.startswith(_BZIP2):
        return cast(IO[bytes], bz2.open(file))
    if mark.startswith(_XZ):
        return cast(IO[bytes], lzma.open(file))
    return file.open("rb")


def _open_member(file: Path, member: str) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    # What a Mac adds to an archive is no file of anybody's.
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]
    if not member and len(names) == 1:
        member = names[0]
    if member not in names:
        some = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise DataError(
            f"{file} holds {len(names)} files: {some}; name one of them, such as "
            f"{file}/{names[0] if names else 'FILE'}"
        )
    return archive.open(member)
