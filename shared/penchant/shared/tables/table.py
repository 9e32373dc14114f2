"""A table in a file: its columns, and its rows piece by piece, all as text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.delimited import DelimitedTable, TableFormat
from penchant.shared.tables.jsonlines import JsonTable, is_json
from penchant.shared.tables.parquet import ParquetTable
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.rows import LINE

__all__ = ["LINE", "Table", "TableFormat", "open_table"]

_PARQUET = (".parquet", ".pq")


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

    @property
    def hint(self) -> str:
        """What may be wrong if no column is known, for the end of an error; or nothing."""

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
    """Open a table: Parquet and JSON by their names, and any other file as text.

    Text may be packed, and may be in a zip archive; see ``open_binary``.

    Args:
        path: the file.
        form: how a text file is to be read.

    Raises:
        DataError: it is not there, empty, or in an encoding that is not known.
    """
    if path.suffix.lower() in _PARQUET:
        if not path.is_file():
            raise DataError(f"there is no file {path}")
        return ParquetTable.open(path)
    if is_json(path):
        return JsonTable.open(path, form.encoding if form else None)
    return DelimitedTable.open(path, form or TableFormat())
