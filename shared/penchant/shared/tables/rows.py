"""What every kind of table gives: rows as text, each with its line."""

from collections.abc import Sequence

import polars as pl

__all__ = ["LINE", "ROWS_AT_ONCE", "tidy"]

LINE = "\0line"  # the column of a row's line number; no header holds a NUL
ROWS_AT_ONCE = 100_000


def tidy(frame: pl.DataFrame, numbers: pl.Series | Sequence[int]) -> pl.DataFrame:
    """Return a frame of String without white space around values, empty ones null, and ``LINE``."""
    stripped = pl.all().str.strip_chars()
    return frame.select(pl.when(stripped != "").then(stripped)).with_columns(
        pl.Series(LINE, numbers, dtype=pl.Int64)
    )
