"""Tables of JSON: an object a line, or an array of objects; also as Python prints its objects."""

import ast
import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.encodings import check_encoding, detect_encoding, open_text
from penchant.shared.tables.packing import DAMAGED, open_binary
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.rows import LINE, ROWS_AT_ONCE, tidy

__all__ = ["JsonTable", "is_json"]

_NAMES = (".json", ".jsonl", ".ndjson")
_SAMPLE = 1_000
# Names that a JSON path can hold whatever its parser; others are read one by one.
_IN_A_PATH = re.compile(r"[A-Za-z0-9_ .:-]+")


def is_json(path: Path) -> bool:
    """Tell whether a file holds JSON: by a suffix, as of ``meta.jsonl.gz``, or by its first letter.

    Raises:
        DataError: it cannot be opened.
    """
    if any(suffix.lower() in _NAMES for suffix in path.suffixes):
        return True
    try:
        with open_binary(path) as file:
            return file.read(64).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read: {error}") from error


@dataclass(frozen=True)
class JsonTable:
    """A table of objects; its columns are the names that the first 1,000 of them have.

    A list or an object in a cell is its JSON.

    Attributes:
        path: the file.
        columns: the columns' names.
        encoding: of the file.
        form: ``lines`` of JSON, ``python`` for lines as Python prints them, or ``array``.
    """

    path: Path
    columns: tuple[str, ...]
    encoding: str
    form: str

    @classmethod
    def open(cls, path: Path, encoding: str | None) -> "JsonTable":
        """Open a table of JSON.

        Raises:
            DataError: it is empty, in an unknown encoding, or does not begin with an object.
        """
        known = check_encoding(encoding) if encoding else detect_encoding(path)
        with open_text(path, known) as file:
            first = next((line for _, line in _lines(path, file)), "").strip()
        form = _form(first)
        if form is None:
            raise DataError(
                f"{path} is empty, or begins with neither a JSON object on one line nor an array "
                "of objects; write an object a line"
            )
        table = cls(path, (), known, form)
        names: dict[str, None] = {}
        for _, row in islice(table._objects(), _SAMPLE):
            names |= dict.fromkeys(row or ())
        if not names:
            raise DataError(f"{path} has no objects with names; write an object a line")
        return cls(path, tuple(names), known, form)

    @property
    def details(self) -> str:
        """How the file holds the table, in words."""
        named = {"lines": "lines of JSON", "python": "lines of Python", "array": "a JSON array"}
        return f"{self.encoding}, {named[self.form]}"

    @property
    def hint(self) -> str:
        """What may be wrong if no column is known; see ``Table.hint``."""
        return ""

    def batches(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read the rows; see ``Table.batches``."""
        if self.form == "lines" and all(map(_IN_A_PATH.fullmatch, columns)):
            yield from self._fast(rejects, columns)
            return
        objects = self._objects()
        while some := list(islice(objects, ROWS_AT_ONCE)):
            rejects.rows += len(some)
            for line, row in some:
                if row is None:
                    rejects.add(line, _NO_OBJECT)
            good = [(line, row) for line, row in some if row is not None]
            cells = {name: [_text(row.get(name)) for _, row in good] for name in columns}
            frame = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String))
            yield tidy(frame, [line for line, _ in good])

    def _fast(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read lines of JSON, each column by its path."""
        with open_text(self.path, self.encoding) as file:
            lines = _lines(self.path, file)
            while some := list(islice(lines, ROWS_AT_ONCE)):
                rejects.rows += len(some)
                numbers = pl.Series(LINE, [number for number, _ in some], dtype=pl.Int64)
                text = pl.Series("text", [line for _, line in some], dtype=pl.String)
                whole = text.str.json_path_match("$").str.starts_with("{").fill_null(value=False)
                for number in numbers.filter(~whole):
                    rejects.add(number, _NO_OBJECT)
                text, numbers = text.filter(whole), numbers.filter(whole)
                cells = [
                    text.str.json_path_match(f"$[{json.dumps(name)}]").alias(name)
                    for name in columns
                ]
                yield tidy(pl.DataFrame(cells), numbers)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Give each object with its line, or its place in an array; None is what is no object."""
        with open_text(self.path, self.encoding) as file:
            if self.form == "array":
                yield from enumerate(_array(self.path, file), start=1)
                return
            read = json.loads if self.form == "lines" else ast.literal_eval
            for number, line in _lines(self.path, file):
                try:
                    value = read(line.strip())
                except (ValueError, SyntaxError, MemoryError, RecursionError):
                    value = None
                yield number, value if isinstance(value, dict) else None


_NO_OBJECT = "no JSON object"


def _form(first: str) -> str | None:
    if first.startswith("["):
        return "array"
    for form, read in (("lines", json.loads), ("python", ast.literal_eval)):
        try:
            if isinstance(read(first), dict):
                return form
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def _array(path: Path, file: IO[str]) -> list[dict[str, Any] | None]:
    try:
        values = json.load(file)
    except (ValueError, RecursionError, *DAMAGED) as error:
        raise DataError(f"{path} is not a JSON array: {error}") from error
    return [value if isinstance(value, dict) else None for value in values]


def _lines(path: Path, file: IO[str]) -> Iterator[tuple[int, str]]:
    """Give the lines that have anything, with their numbers."""
    try:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line
    except (UnicodeDecodeError, *DAMAGED) as error:
        raise DataError(f"{path} cannot be read: {error}; is its encoding right?") from error


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
