"""A table in a file: its columns, and its rows piece by piece, all as text."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.encodings import check_encoding, detect_encoding, open_text
from penchant.shared.tables.rejects import Rejects

__all__ = ["LINE", "Table", "TableFormat", "open_table"]

LINE = "\0line"  # the column of a row's line number; no header holds a NUL
_SEPARATORS = ("\t", ",", ";", "|")
_CHARACTERS_AT_ONCE = 1 << 24
_ROWS_AT_ONCE = 100_000
_LONGEST_CELL = 1 << 26
_PARQUET = (".parquet", ".pq")


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


class Table(Protocol):
    """A table that can be read, more than once, in pieces that fit in memory."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, all different."""

    @property
    def details(self) -> str:
        """How the file holds the table, in words."""

    def batches(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read the rows: the columns asked for as String, and ``LINE`` as Int64.

        White space around a value is gone, and an empty value is null.

        Args:
            rejects: counts the rows, and those with too few or too many fields, left out.
            columns: which to read.

        Raises:
            DataError: the file cannot be read.
        """


def open_table(path: Path, form: TableFormat | None = None) -> Table:
    """Open a table: Parquet by its name, and any other file as text.

    Args:
        path: the file.
        form: how a text file is to be read.

    Raises:
        DataError: it is not there, empty, or in an encoding that is not known.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() in _PARQUET:
        return _Parquet.open(path)
    return _Delimited.open(path, form or TableFormat())


@dataclass(frozen=True)
class _Parquet:
    path: Path
    columns: tuple[str, ...]
    details: str = "Parquet"
    _schema: dict[str, pl.DataType] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path) -> "_Parquet":
        try:
            schema = dict(pl.read_parquet_schema(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{path} is not a Parquet file that can be read: {error}") from error
        return cls(path, tuple(schema), _schema=schema)

    def batches(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        rejects.unit = "row"
        wanted = [_as_text(name, self._schema[name]) for name in columns]
        start = 0
        while True:
            try:
                rows = pl.scan_parquet(self.path).slice(start, _ROWS_AT_ONCE)
                part = rows.select(wanted).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DataError(f"{self.path} cannot be read: {error}") from error
            if part.is_empty():
                return
            rejects.rows += part.height
            yield _tidy(part, range(start + 1, start + 1 + part.height))
            start += part.height


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime | pl.Date):
        return column.cast(pl.Datetime("ms")).dt.epoch("s").cast(pl.String)
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        # A JSON list or object, as a cell of text would hold it.
        wrapped = pl.struct(column.alias("v")).struct.json_encode()
        return wrapped.str.strip_prefix('{"v":').str.strip_suffix("}").alias(name)
    if isinstance(dtype, pl.Binary):
        return column.cast(pl.String, strict=False)
    return column.cast(pl.String)


@dataclass(frozen=True)
class _Delimited:
    path: Path
    columns: tuple[str, ...]
    encoding: str
    separator: str
    form: TableFormat

    @classmethod
    def open(cls, path: Path, form: TableFormat) -> "_Delimited":
        encoding = check_encoding(form.encoding) if form.encoding else detect_encoding(path)
        with open_text(path, encoding) as file:
            first = next((line for line in _lines(path, file) if line.strip()), "")
        if not first:
            raise DataError(f"{path} is empty; expected a table")
        separator = form.separator or _separator(first)
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
        name = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(
            self.separator, repr(self.separator)
        )
        return f"{self.encoding}, {name}"

    def batches(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
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
                yield from self._quoted(
                    chain(lines, _lines(self.path, file)), line, rejects, columns
                )
                return
            if lines:
                yield self._plain(lines, line, rejects, columns)
            line += len(lines)

    def _plain(
        self, lines: list[str], first: int, rejects: Rejects, columns: Sequence[str]
    ) -> pl.DataFrame:
        """Read lines without quotes."""
        width = len(self.columns)
        frame = pl.DataFrame({"text": pl.Series(lines, dtype=pl.String)}).select(
            pl.col("text").str.strip_suffix("\n"),
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
        return _tidy(parts.select(columns), good[LINE])

    def _quoted(
        self, lines: Iterator[str], first: int, rejects: Rejects, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Read lines some of which have quotes, from line number ``first``."""
        csv.field_size_limit(_LONGEST_CELL)
        reader = csv.reader(lines, delimiter=self.separator)
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
                    rejects.add(number, _wrong_width(len(row), width))
                    rejects.rows += 1
                if len(rows) == _ROWS_AT_ONCE:
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
    return _tidy(frame, numbers)


def _tidy(frame: pl.DataFrame, numbers: pl.Series | Sequence[int]) -> pl.DataFrame:
    stripped = pl.all().str.strip_chars()
    return frame.select(pl.when(stripped != "").then(stripped)).with_columns(
        pl.Series(LINE, numbers, dtype=pl.Int64)
    )


def _wrong_width(fields: int, width: int) -> str:
    return f"{fields} fields, expected {width}"


def _separator(header: str) -> str:
    """Return the separator that the first line has most of, a comma if it has none."""
    counts = {mark: header.count(mark) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda mark: counts[mark])
    return best if counts[best] else ","


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
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}; is its encoding right?") from error


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    while lines := _some_lines(path, file):
        yield from lines
