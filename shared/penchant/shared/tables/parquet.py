"""Tables in Parquet files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.rows import ROWS_AT_ONCE, tidy

__all__ = ["ParquetTable"]


@dataclass(frozen=True)
class ParquetTable:
    """A table in a Parquet file.

    Attributes:
        path: the file.
        columns: the columns' names.
        details: how the file holds the table, in words.
    """

    path: Path
    columns: tuple[str, ...]
    details: str = "Parquet"
    _schema: dict[str, pl.DataType] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path) -> "ParquetTable":
        """Open a table.

        Raises:
            DataError: it is no Parquet file.
        """
        try:
            schema = dict(pl.read_parquet_schema(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{path} is not a Parquet file that can be read: {error}") from error
        return cls(path, tuple(schema), _schema=schema)

    @property
    def hint(self) -> str:
        """What may be wrong if no column is known; see ``Table.hint``."""
        return ""

    def batches(self, rejects: Rejects, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Read the rows; see ``Table.batches``."""
        rejects.unit = "row"
        wanted = [_as_text(name, self._schema[name]) for name in columns]
        start = 0
        while True:
            try:
                rows = pl.scan_parquet(self.path).slice(start, ROWS_AT_ONCE)
                part = rows.select(wanted).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DataError(f"{self.path} cannot be read: {error}") from error
            if part.is_empty():
                return
            rejects.rows += part.height
            yield tidy(part, range(start + 1, start + 1 + part.height))
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
