"""Tables of items: what there is to recommend, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.columns import ITEM_TABLE_NAMES, Columns, Role, map_columns
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.table import LINE, TableFormat, open_table

__all__ = ["ItemTable", "read_items"]

# Columns that a guessed text is followed by, if the table has them.
_COMPANIONS = (
    "genres", "genre", "category", "categories", "subcategory", "tags", "kategorie", "genero",
    "类别", "分类", "类型", "标签",
)  # fmt: skip


@dataclass(frozen=True)
class ItemTable:
    """The items of a table, in its order.

    Attributes:
        ids: their identifiers, distinct.
        texts: what each is, in words; empty where the table says nothing.
        repeats: rows left out because the item had come before.
        columns: which column means what.
        rejects: malformed rows.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    repeats: int
    columns: Columns
    rejects: Rejects


def read_items(
    path: Path, *, form: TableFormat | None = None, columns: Mapping[Role, str] | None = None
) -> ItemTable:
    """Read a table of items.

    A text is its column's; or several columns' in their order, with a full stop between, of which
    lists such as ``Comedy|Drama`` become ``Comedy, Drama``. A text column that is guessed is
    followed by the table's categories, genres or tags.

    Args:
        path: CSV, TSV or Parquet.
        form: how a text file is to be read.
        columns: columns that are not to be guessed: item, text.

    Raises:
        DataError: the file cannot be read, or has no items.
        ConfigurationError: a column that is given does not exist.
    """
    table = open_table(path, form)
    given = columns or {}
    mapped = map_columns(table.columns, (Role.ITEM, Role.TEXT), given, also=ITEM_TABLE_NAMES)
    missing = [role for role in (Role.ITEM, Role.TEXT) if role not in mapped]
    if missing:
        raise DataError(
            f"{path} has columns {', '.join(table.columns)}, and none of them is known to be the "
            f"{missing[0]}; say which one is, such as {missing[0]}=COLUMN"
        )
    if Role.TEXT not in given:
        also = [c for c in table.columns if c.casefold() in _COMPANIONS]
        mapped[Role.TEXT] += tuple(c for c in also if c not in mapped[Role.TEXT])
    rejects = Rejects(path)
    names = list(dict.fromkeys(mapped[Role.ITEM] + mapped[Role.TEXT]))
    found: dict[str, str] = {}
    rows = 0
    for batch in table.batches(rejects, names):
        for line in batch.filter(pl.col(mapped[Role.ITEM][0]).is_null())[LINE]:
            rejects.add(line, "no item")
        whole = batch.filter(pl.col(mapped[Role.ITEM][0]).is_not_null())
        rows += whole.height
        texts = whole.select(_text(mapped[Role.TEXT]).alias("text")).to_series()
        for item, text in zip(whole[mapped[Role.ITEM][0]], texts, strict=True):
            if not found.get(item):
                found[item] = text or ""
    if not found:
        raise DataError(f"{path} has no items")
    return ItemTable(tuple(found), tuple(found.values()), rows - len(found), mapped, rejects)


def _text(names: tuple[str, ...]) -> pl.Expr:
    first, *others = names
    lists = [pl.col(name).str.replace_all(r"\s*\|\s*", ", ") for name in others]
    return pl.concat_str(pl.col(first), *lists, separator=". ", ignore_nulls=True)
