"""Sequences, as they are published with sequential recommenders: a person's items in their order.

A line is a user and then items, oldest first (``12 4 9 311``); a user has one line with all items,
or several with some each, down to one (``12 4``, ``12 9``). There is no header, and there are no
times. Forms: S3-Rec, CL4SRec, FMLP-Rec (one line a user), SASRec, BERT4Rec (one line an event). Or
one JSON object, with a list of items for each user.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.encodings import check_encoding, detect_encoding, open_text
from penchant.shared.tables.packing import DAMAGED
from penchant.shared.tables.rejects import Rejects
from penchant.simulation.datasets.assembly import Assembly
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.reading import (
    ORDER_ONLY,
    SEPARATORS,
    finished,
    item_table,
    texts_of,
)
from penchant.simulation.datasets.sources import Source

__all__ = ["read_sequences"]

_CHARACTERS_AT_ONCE = 1 << 24
# Whatever stands between identifiers; a colon may follow the user.
_BETWEEN = r"[\s,;|\[\]]+|:\s+"
_CUT = "\x1f"


def read_sequences(source: Source) -> Loaded:
    """Read sequences, and the table of items if there is one.

    With ``users=no`` lines have no user: each is a person of its own, called by its number.

    Raises:
        DataError: a file cannot be read.
        ConfigurationError: an option is not usable.
    """
    items = item_table(source)
    texts = texts_of(items)
    assembly = Assembly(texts)
    rejects = Rejects(source.path)
    users = source.flag("users", default=True)
    newest_first = source.flag("newest_first", default=False)
    for lines in _lines(source):
        rejects.rows += lines.height
        least = 2 if users else 1
        for number in lines.filter(pl.col("parts").list.len() < least)["line"]:
            rejects.add(number, "a user and no items")
        parts = pl.col("parts")
        listed = parts.list.slice(1) if users else parts
        events = (
            lines.filter(parts.list.len() >= least)
            .select(
                (parts.list.first() if users else pl.col("line").cast(pl.String)).alias("user"),
                (listed.list.reverse() if newest_first else listed).alias("item"),
            )
            .explode("item")
        )
        times = np.arange(assembly.rows, assembly.rows + events.height)
        assembly.add(events["user"], events["item"], times)
    return finished(source, assembly, items, texts, rejects, [ORDER_ONLY], has_times=False)


def _lines(source: Source) -> Iterator[pl.DataFrame]:
    """Give the lines that have anything, some at a time: ``line`` (Int64), ``parts`` (lists)."""
    given = source.options.get("encoding")
    encoding = check_encoding(given) if given else detect_encoding(source.path)
    mark = source.options.get("separator")
    first = 1
    try:
        with open_text(source.path, encoding) as file:
            start = file.read(1)
        if start == "{":
            yield _listed(source.path, encoding)
            return
        with open_text(source.path, encoding) as file:
            while some := file.readlines(_CHARACTERS_AT_ONCE):
                text = pl.col("text").str.strip_chars()
                if mark is None:
                    cut = text.str.replace_all(_BETWEEN, _CUT).str.split(_CUT)
                else:
                    cut = text.str.split(SEPARATORS.get(mark, mark))
                frame = pl.DataFrame(
                    {
                        "line": pl.int_range(first, first + len(some), dtype=pl.Int64, eager=True),
                        "text": pl.Series(some, dtype=pl.String),
                    }
                ).filter(text != "")
                yield frame.select(
                    "line",
                    cut.list.eval(pl.element().str.strip_chars())
                    .list.eval(pl.element().filter(pl.element() != ""))
                    .alias("parts"),
                )
                first += len(some)
    except (UnicodeDecodeError, *DAMAGED) as error:
        raise DataError(f"{source.path} cannot be read: {error}; is its encoding right?") from error


def _listed(path: Path, encoding: str) -> pl.DataFrame:
    """Return the lists of a JSON object, each after its user."""
    with open_text(path, encoding) as file:
        try:
            lists = json.load(file)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is not a JSON object: {error}") from error
    for user, items in lists.items():
        if not isinstance(items, list) or any(isinstance(item, list | dict) for item in items):
            raise DataError(f"{path} has no list of items for user {user!r}; write one")
    parts = [
        [user, *(str(item) for item in items if item is not None)] for user, items in lists.items()
    ]
    return pl.DataFrame(
        {"line": range(1, len(parts) + 1), "parts": parts},
        schema={"line": pl.Int64, "parts": pl.List(pl.String)},
    )
