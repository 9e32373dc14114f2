"""Data sets from tables that anybody may have: events with or without items, or the wide form."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables import (
    ORDER_LIMIT,
    EventTable,
    ItemTable,
    Rejects,
    Role,
    TableFormat,
    WideEvent,
    WideTable,
    read_items,
)
from penchant.simulation.datasets.assembly import Assembly
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.sources import Source

__all__ = ["read_table", "read_wide"]

_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}
_ITEMS = "items."
_LATEST_FIRST = "newest_first"


def read_table(source: Source) -> Loaded:
    """Read a table of events, and its table of items if there is one.

    An item's text is that of the table of items, or else the first that an event on it has. Events
    on no item, such as searches, are no part of a data set; they are counted.

    Raises:
        DataError: a file cannot be read, has no users, or no item has a text.
        ConfigurationError: an option is not usable.
    """
    table = EventTable.open(source.path, form=_form(source), columns=_columns(source))
    if not table.has_users:
        raise DataError(
            f"{source.path} has columns {', '.join(table.table.columns)}, and none of them is "
            "known to be the user; say which one is, such as user=customer"
        )
    items = _items(source)
    texts = _texts(items)
    assembly = Assembly(texts)
    itemless, latest = 0, 0
    for batch in table.batches():
        events = batch.filter(pl.col("item").is_not_null())
        itemless += batch.height - events.height
        if table.has_times:
            times = events["time"].to_numpy()
            latest = max(latest, int(times.max(initial=0)))
        else:
            times = np.arange(assembly.rows, assembly.rows + events.height)
        assembly.add(events["user"], events["item"], times)
        worded = events.filter(pl.col("text").is_not_null()).unique(
            "item", keep="first", maintain_order=True
        )
        for item, text in worded.select("item", "text").rows():
            if not texts.get(item):
                texts[item] = text
    has_times = table.has_times and latest >= ORDER_LIMIT
    notes = [] if has_times else ["order only: events are set an hour apart"]
    if itemless:
        notes.append(f"{itemless:,} events on no item (searches, say) left out")
    return _loaded(source, assembly, items, texts, table.rejects, notes, has_times=has_times)


def read_wide(source: Source) -> Loaded:
    """Read a table in the wide form, and its table of items if there is one.

    An entry of a history or of clicks is an item: that with this identifier, or else that with this
    text, or else one of its own, with the entry as its text. Searches are no part of a data set;
    they are counted.

    Raises:
        DataError: a file cannot be read.
        ConfigurationError: an option is not usable.
    """
    table = WideTable.open(
        source.path,
        form=_form(source),
        columns=_columns(source),
        separator=source.options.get("list_separator"),
        newest_first=source.flag(_LATEST_FIRST, default=False),
    )
    items = _items(source)
    texts = _texts(items)
    by_text = {_plain(text): item for item, text in reversed(texts.items()) if text}
    assembly = Assembly(texts)
    searches, has_times = 0, True
    parts: tuple[list[str], list[str], list[int]] = ([], [], [])
    for person in table.people():
        events = [event for event in person.events if event.kind != "search"]
        searches += len(person.events) - len(events)
        has_times &= person.timed or not events
        for place, (item, event) in enumerate(_named(events, texts, by_text)):
            parts[0].append(person.user)
            parts[1].append(item)
            parts[2].append(event.entry.time or 0 if person.timed else place)
    assembly.add(
        pl.Series(parts[0], dtype=pl.String),
        pl.Series(parts[1], dtype=pl.String),
        np.array(parts[2], dtype=np.int64),
    )
    marks = ", ".join(f"'{mark}' ({role})" for role, mark in table.separators.items())
    notes = [f"lists that are not JSON are cut at {marks}"]
    if not has_times:
        notes.append("order only: events are set an hour apart")
    if searches:
        notes.append(f"{searches:,} searches left out: they are on no item")
    return _loaded(source, assembly, items, texts, table.rejects, notes, has_times=has_times)


def _named(
    events: list[WideEvent], texts: dict[str, str], by_text: dict[str, str]
) -> Iterator[tuple[str, WideEvent]]:
    """Give each event's item; items that were not known are added with their texts."""
    for event in events:
        entry = event.entry
        item = entry.thing
        if item not in texts:
            item = by_text.get(_plain(entry.thing), item)
        if not texts.get(item):
            texts[item] = entry.text or entry.thing
            by_text.setdefault(_plain(texts[item]), item)
        yield item, event


def _loaded(
    source: Source,
    assembly: Assembly,
    items: ItemTable | None,
    texts: Mapping[str, str],
    rejects: Rejects,
    notes: list[str],
    *,
    has_times: bool,
) -> Loaded:
    dataset = assembly.dataset(
        source.name,
        texts,
        min_events=source.min_events,
        has_times=has_times,
        source=str(source.path),
    )
    if not any(dataset.item_texts):
        raise DataError(
            f"no item of {source.path} has a text; name a table of items with items=FILE, or a "
            "column of texts with text=COLUMN (the column of items, if their names say what they "
            "are)"
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


def _items(source: Source) -> ItemTable | None:
    path = source.options.get("items")
    if path is None:
        return None
    given = {
        role: source.options[_ITEMS + role]
        for role in (Role.ITEM, Role.TEXT)
        if _ITEMS + role in source.options
    }
    return read_items(Path(path).expanduser(), form=_form(source, _ITEMS), columns=given)


def _texts(items: ItemTable | None) -> dict[str, str]:
    return {} if items is None else dict(zip(items.ids, items.texts, strict=True))


def _columns(source: Source) -> dict[Role, str]:
    return {role: source.options[role] for role in Role if role in source.options}


def _form(source: Source, prefix: str = "") -> TableFormat:
    separator = source.options.get(f"{prefix}separator")
    return TableFormat(
        encoding=source.options.get(f"{prefix}encoding"),
        separator=None if separator is None else _SEPARATORS.get(separator, separator),
        header=source.flag(f"{prefix}header", default=True),
        quotes=source.flag(f"{prefix}quotes", default=True),
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
