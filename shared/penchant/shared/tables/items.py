"""Tables of items: what there is to recommend, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.cells import parse_list
from penchant.shared.tables.columns import (
    ITEM_TABLE_NAMES,
    Columns,
    Role,
    map_columns,
    plain_name,
)
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.table import LINE, TableFormat, open_table

__all__ = ["ItemTable", "read_items"]

# Columns that a guessed text is followed by, if the table has them.
_COMPANIONS = (
    "genres", "genre", "category", "categories", "subcategory", "maincategory", "productcategory",
    "class", "tags", "kategorie", "genero", "géneros", "categorie", "catégorie", "categoria",
    "жанр", "жанры", "类别", "分类", "类型", "标签", "ジャンル", "カテゴリ", "장르", "카테고리",
)  # fmt: skip
_NAMES = ("name", "title", "text", "description")
_MOST_PARTS = 20


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

    A text is its column's; or several columns' in their order, with a full stop between. Lists such
    as ``Comedy|Drama`` or ``["Comedy", "Drama"]`` become ``Comedy, Drama``; objects, their names. A
    text column that is guessed is followed by the table's categories, genres or tags.

    Args:
        path: CSV, TSV, JSON or Parquet.
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
            f"{missing[0]}; say which one is, such as {missing[0]}=COLUMN{table.hint}"
        )
    if Role.TEXT not in given:
        also = [c for c in table.columns if plain_name(c) in _COMPANIONS]
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
    bars = [pl.col(name).str.replace_all(r"\s*\|\s*", ", ") for name in others]
    return pl.concat_str(
        *(_listed(column) for column in (pl.col(first), *bars)), separator=". ", ignore_nulls=True
    )


def _listed(column: pl.Expr) -> pl.Expr:
    """Return a column whose lists are written out."""
    listed = column.str.contains(r"(?s)^\[.*\]$")
    written = pl.when(listed).then(column).map_elements(_written, return_dtype=pl.String)
    return pl.when(listed).then(written).otherwise(column)


def _written(cell: str) -> str | None:
    """Return the parts of a list in words, 20 of them at most; a cell that is no list as it is."""
    values = parse_list(cell)
    if not values:
        return None if values == [] else cell
    parts = list(dict.fromkeys(part for part in _parts(values) if part))
    return ", ".join(parts[:_MOST_PARTS]) or cell


def _parts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, dict):
        yield from _parts(next((value[key] for key in _NAMES if key in value), None))
