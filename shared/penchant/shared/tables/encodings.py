"""What a text file is encoded in: UTF-8, UTF-16 with a mark, or GB18030."""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from penchant.shared.errors import DataError
from penchant.shared.tables.packing import DAMAGED, open_binary

__all__ = ["check_encoding", "detect_encoding", "open_text"]

_BLOCK = 1 << 20
_SAMPLE = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In Chinese text both bytes of nearly every character are high; in a Western text that GB18030
# happens to decode, a high byte stands alone before a letter.
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_HIGH_PAIR = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")
_LEAST_HIGH = 0.8


def detect_encoding(path: Path) -> str:
    """Return the encoding of a text file, which may be packed.

    The rule: a byte order mark decides; else UTF-8, if the whole file is; else GB18030 (which
    holds GBK and GB2312), if the whole file is and its bytes look like Chinese text.

    Raises:
        DataError: the file cannot be read, or is in another encoding.
    """
    try:
        with open_binary(path) as file:
            start = file.read(4)
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    wrong = _undecodable(path, "utf-8")
    if wrong is None:
        return "utf-8"
    if _undecodable(path, "gb18030") is None and _looks_chinese(path):
        return "gb18030"
    raise DataError(
        f"line {wrong} of {path} is not UTF-8, and the file is not GB18030; "
        "say what it is with the encoding option, such as latin-1"
    )


def check_encoding(name: str) -> str:
    """Return ``name``.

    Raises:
        DataError: there is no such encoding.
    """
    try:
        codecs.lookup(name)
    except LookupError:
        raise DataError(
            f"there is no encoding '{name}'; give one such as utf-8, gb18030 or latin-1"
        ) from None
    return name


def open_text(path: Path, encoding: str) -> IO[str]:
    """Open a text file, which may be packed, with line ends as Unix has them.

    Raises:
        DataError: it cannot be opened.
    """
    return io.TextIOWrapper(open_binary(path), encoding=encoding)


def _blocks(path: Path) -> Iterator[bytes]:
    with open_binary(path) as file:
        try:
            while block := file.read(_BLOCK):
                yield block
        except DAMAGED as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def _undecodable(path: Path, encoding: str) -> int | None:
    """Return the number of the first line that is not in an encoding, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    for block in _blocks(path):
        try:
            line += decoder.decode(block).count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return None


def _looks_chinese(path: Path) -> bool:
    """Tell whether the first characters beyond ASCII are pairs of high bytes."""
    found = high = 0
    for block in _blocks(path):
        pairs = _PAIR.findall(block)
        found += len(pairs)
        high += sum(1 for pair in pairs if _HIGH_PAIR.fullmatch(pair))
        if found > _SAMPLE:
            break
    return found > 0 and high >= _LEAST_HIGH * found
