"""Tables in text files with a separator between fields: CSV, TSV and their kin."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.encodings import check_encoding, detect_encoding, open_text
from penchant.shared.tables.packing import DAMAGED
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.rows import LINE, ROWS_AT_ONCE, tidy

if TYPE_CHECKING:
    import _csv

__all__ = ["DelimitedTable", "TableFormat"]

_SEPARATORS = ("\t", ",", ";", "|")
_LOOKED_AT = 20
_CHARACTERS_AT_ONCE = 1 << 24
_LONGEST_CELL = 1 << 26


@dataclass(frozen=True, kw_only=True)
class TableFormat:
    """How a text file holds a table; what is None is found out.

    Attributes:
        encoding: such as ``utf-8``, ``gb18030`` or ``latin-1``.
        separator: what is between fields; without quotes it may be several characters.
        header: whether the first line names the columns; if not they are called 1, 2, 3, ...
        quotes: whether a field may stand in double quotes.
    """

    encoding: str | None = None
    separator: str | None = None
    header: bool = True
    quotes: bool = True


@dataclass(frozen=True)
class DelimitedTable:
    """A table in a text file.

    Attributes:
        path: the file.
        columns: the columns' names.
        encoding: of the file.
        separator: what is between fields.
        form: how the file was to be read.
    """

    path: Path
    columns: tuple[str, ...]
    encoding: str
    separator: str
    form: TableFormat

    @classmethod
    def open(cls, path: Path, form: TableFormat) -> "DelimitedTable":
        """Open a table.

        Raises:
            DataError: it is empty, or in an unknown encoding.
        """
        encoding = check_encoding(form.encoding) if form.encoding else detect_encoding(path)
        with open_text(path, encoding) as file:
            some = list(islice((line for line in _lines(path, file) if line.strip()), _LOOKED_AT))
        if not some:
            raise DataError(f"{path} is empty; expected a table")
        separator = form.separator or _separator(some)
        first = some[0].strip() if separator == " " else some[0]
        if form.quotes and len(separator) != 1:
            raise DataError(f"separator is {separator!r}; with quotes it must be one character")
        if form.quotes:
            (names,) = csv.reader([first], delimiter=separator)
        else:
            names = first.split(separator)
        if not form.header:
            names = [str(number) for number in range(1, len(names) + 1)]
        return cls(path, _distinct(names), encoding, separator, form)

    @property
    def details(self) -> str:
        """How the file holds the table, in words."""
        names = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
        name = names.get(self.separator, repr(self.separator))
        return f"{self.encoding}, {name}"

    @property
    def hint(self) -> str:
        """What may be wrong if no column is known; see ``Table.hint``."""
        if not self.form.header:
            return ""
        return "; or, if that is a row already, read the file without a header, columns by number"

    def batches(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read the rows; see ``Table.batches``."""
        with open_text(self.path, self.encoding) as file:
            yield from self._batches(file, rejects, columns)

    def _batches(
        self, file: IO[str], rejects: Rejects, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        line, header = 1, self.form.header
        while lines := _some_lines(self.path, file):
            while header and lines:
                header = not lines.pop(0).strip()
                line += 1
            if self.form.quotes and any('"' in text for text in lines):
                escape = "\\" if _has_backslashes(lines, self.separator) else None
                reader = csv.reader(
                    chain(lines, _lines(self.path, file)),
                    delimiter=self.separator,
                    escapechar=escape,
                )
                yield from self._quoted(reader, line, rejects, columns)
                return
            if lines:
                yield self._plain(lines, line, rejects, columns)
            line += len(lines)

    def _plain(
        self, lines: list[str], first: int, rejects: Rejects, columns: Sequence[str]
    ) -> pl.DataFrame:
        """Read lines without quotes."""
        width = len(self.columns)
        whole = pl.col("text").str
        text = whole.strip_chars() if self.separator == " " else whole.strip_suffix("\n")
        frame = pl.DataFrame({"text": pl.Series(lines, dtype=pl.String)}).select(
            text,
            pl.int_range(first, first + len(lines), dtype=pl.Int64).alias(LINE),
        )
        frame = frame.filter(pl.col("text").str.strip_chars() != "").with_columns(
            (pl.col("text").str.count_matches(self.separator, literal=True) + 1).alias("fields")
        )
        for number, fields in frame.filter(pl.col("fields") != width).select(LINE, "fields").rows():
            rejects.add(number, _wrong_width(fields, width))
        rejects.rows += frame.height
        good = frame.filter(pl.col("fields") == width)
        parts = good["text"].str.split_exact(self.separator, width - 1).struct.unnest()
        parts.columns = list(self.columns)
        return tidy(parts.select(columns), good[LINE])

    def _quoted(
        self, reader: "_csv.Reader", first: int, rejects: Rejects, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Read rows some of which have quotes, from line number ``first``."""
        csv.field_size_limit(_LONGEST_CELL)
        width = len(self.columns)
        places = [self.columns.index(name) for name in columns]
        rows: list[list[str]] = []
        numbers: list[int] = []
        begin = 0
        try:
            for row in reader:
                number, begin = first + begin, reader.line_num
                if len(row) == width:
                    rows.append([row[place] for place in places])
                    numbers.append(number)
                elif any(cell.strip() for cell in row):
                    over = reader.line_num - number + first
                    rejects.add(number, _wrong_width(len(row), width) + _unclosed(over))
                    rejects.rows += 1
                if len(rows) == ROWS_AT_ONCE:
                    yield _frame(rows, numbers, rejects, columns)
                    rows, numbers = [], []
        except csv.Error as error:
            raise DataError(
                f"the row from line {first + begin} of {self.path} cannot be read: {error}; "
                "a double quote that is never closed? correct it, or read the file without quotes"
            ) from error
        if rows:
            yield _frame(rows, numbers, rejects, columns)


def _frame(
    rows: list[list[str]], numbers: list[int], rejects: Rejects, columns: Sequence[str]
) -> pl.DataFrame:
    rejects.rows += len(rows)
    values = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {name: pl.Series(v, dtype=pl.String) for name, v in zip(columns, values, strict=True)}
    )
    return tidy(frame, numbers)


def _wrong_width(fields: int, width: int) -> str:
    return f"{fields} fields, expected {width}"


def _unclosed(lines: int) -> str:
    """Say what a row over several lines that does not fit may be."""
    return f" (over {lines} lines: a quote that is never closed?)" if lines > 1 else ""


def _separator(lines: Sequence[str]) -> str:
    """Return the separator that the first line has most of, a comma if it has none.

    It is a space where no line has another, and all have as many spaces.
    """
    counts = {mark: lines[0].count(mark) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda mark: counts[mark])
    if counts[best]:
        return best
    spaces = {line.strip().count(" ") for line in lines}
    if len(lines) > 1 and len(spaces) == 1 and spaces != {0}:
        return " "
    return ","


def _has_backslashes(lines: Sequence[str], separator: str) -> bool:
    """Tell whether quotes inside fields come after backslashes, and not twice."""
    inside = re.compile(rf'\\"[^"\s{re.escape(separator)}]')
    return any(inside.search(line) for line in lines if '\\"' in line)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, stripped; the second of one name becomes ``name#2``."""
    seen: Counter[str] = Counter()
    distinct = []
    for number, name in enumerate(names, start=1):
        plain = name.strip() or str(number)
        seen[plain] += 1
        distinct.append(plain if seen[plain] == 1 else f"{plain}#{seen[plain]}")
    return tuple(distinct)


def _some_lines(path: Path, file: IO[str]) -> list[str]:
    try:
        return file.readlines(_CHARACTERS_AT_ONCE)
    except (UnicodeDecodeError, *DAMAGED) as error:
        raise DataError(f"{path} cannot be read: {error}; is its encoding right?") from error


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    while lines := _some_lines(path, file):
        yield from lines
