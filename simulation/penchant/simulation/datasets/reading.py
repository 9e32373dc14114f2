"""What tables and sequences have in common: options, a table of items, and the last step."""

from collections.abc import Mapping
from pathlib import Path

from penchant.shared.errors import DataError
from penchant.shared.tables import ItemTable, Rejects, Role, TableFormat, read_items
from penchant.simulation.datasets.assembly import Assembly
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.sources import Source

__all__ = ["ORDER_ONLY", "SEPARATORS", "finished", "item_table", "table_form", "texts_of"]

ORDER_ONLY = "order only: events are set an hour apart"
SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|", "space": " "}
_ITEMS = "items."


def finished(
    source: Source,
    assembly: Assembly,
    items: ItemTable | None,
    texts: Mapping[str, str],
    rejects: Rejects,
    notes: list[str],
    *,
    has_times: bool,
) -> Loaded:
    """Return the data set of what was assembled, and what is to be said of it.

    Args:
        source: where it is from.
        assembly: its events.
        items: its table of items, if it has one.
        texts: what items are, in words.
        rejects: malformed rows of the events.
        notes: what was decided or left out so far; more is added.
        has_times: whether the events' times are times.

    Raises:
        DataError: there are no events.
    """
    if not assembly.rows and rejects.count:
        raise DataError(f"{rejects.words()}, and no other has an event")
    dataset = assembly.dataset(
        source.name,
        texts,
        min_events=source.min_events,
        has_times=has_times,
        source=str(source.path),
    )
    if not any(dataset.item_texts):
        notes.append(
            "no item has a text: a language model tells them apart by their identifiers, which "
            "mean nothing to it; give texts with items=FILE or text=COLUMN (the column of items, "
            "if their names say what they are)"
        )
    if assembly.n_few:
        least = max(source.min_events, 1)
        notes.append(f"{assembly.n_few:,} people with fewer than {least} events left out")
    files = (rejects,) if items is None else (rejects, items.rejects)
    if items is not None:
        unknown = dataset.n_items - len(items.ids)
        if unknown:
            notes.append(f"{unknown:,} items have events and are not in {items.rejects.path}")
        if items.repeats:
            notes.append(f"{items.repeats:,} rows of {items.rejects.path} repeat an item: left out")
    return Loaded(dataset, files, tuple(notes))


def item_table(source: Source) -> ItemTable | None:
    """Read the table of items that a source names, if it names one."""
    path = source.options.get("items")
    if path is None:
        return None
    given = {
        role: source.options[_ITEMS + role]
        for role in (Role.ITEM, Role.TEXT)
        if _ITEMS + role in source.options
    }
    return read_items(Path(path).expanduser(), form=table_form(source, _ITEMS), columns=given)


def texts_of(items: ItemTable | None) -> dict[str, str]:
    """Return the texts of a table of items, by item."""
    return {} if items is None else dict(zip(items.ids, items.texts, strict=True))


def table_form(source: Source, prefix: str = "") -> TableFormat:
    """Return how a source's table, or with ``items.`` its table of items, is to be read."""
    separator = source.options.get(f"{prefix}separator")
    return TableFormat(
        encoding=source.options.get(f"{prefix}encoding"),
        separator=None if separator is None else SEPARATORS.get(separator, separator),
        header=source.flag(f"{prefix}header", default=True),
        quotes=source.flag(f"{prefix}quotes", default=True),
    )
