"""Data sets from tables that anybody may have: events with or without items, or the wide form."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.tables import (
    ORDER_LIMIT,
    EventTable,
    Role,
    WideEvent,
    WideTable,
    parse_kinds,
)
from penchant.simulation.datasets.assembly import Assembly
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.reading import (
    ORDER_ONLY,
    finished,
    item_table,
    table_form,
    texts_of,
)
from penchant.simulation.datasets.sources import Source

__all__ = ["read_table", "read_wide"]

_LATEST_FIRST = "newest_first"
_DISLIKE = "dislike"


def read_table(source: Source) -> Loaded:
    """Read a table of events, and its table of items if there is one.

    An item's text is that of the table of items, or else the first that an event on it has; but
    where a column that was guessed has another text each time, it is what people said of items, and
    none of it is used. Where a column tells kinds, the data set has them. Events on no item, such
    as searches, and dislikes are no part of a data set; they are counted.

    Raises:
        DataError: a file cannot be read, or has no users.
        ConfigurationError: an option is not usable.
    """
    table = EventTable.open(
        source.path,
        form=table_form(source),
        columns=_columns(source),
        time_format=source.options.get("time_format"),
        kind_words=parse_kinds(source.options["kinds"]) if "kinds" in source.options else {},
        strict_kinds=True,
    )
    if "kinds" in source.options and not table.has_kinds:
        raise ConfigurationError(
            f"kinds says what words mean, and no column of {source.path} is known to have them; "
            f"say which one does, such as kind=action{table.table.hint}"
        )
    if not table.has_users:
        raise DataError(
            f"{source.path} has columns {', '.join(table.table.columns)}, and none of them is "
            f"known to be the user; say which one is, such as user=customer{table.table.hint}"
        )
    items = item_table(source)
    texts = texts_of(items)
    assembly = Assembly(texts)
    said = _Said()
    itemless, disliked, latest = 0, 0, 0
    for batch in table.batches():
        events = batch.filter(pl.col("item").is_not_null())
        itemless += batch.height - events.height
        chosen = events.filter(pl.col("kind") != _DISLIKE)
        disliked += events.height - chosen.height
        said.add(events)
        events = chosen
        if table.has_times:
            times = events["time"].to_numpy()
            latest = max(latest, int(times.max(initial=0)))
        else:
            times = np.arange(assembly.rows, assembly.rows + events.height)
        kinds = events["kind"] if table.has_kinds else None
        assembly.add(events["user"], events["item"], times, kinds)
    has_times = table.has_times and latest >= ORDER_LIMIT
    notes = [] if has_times else [ORDER_ONLY]
    if Role.TEXT not in source.options and said.varies:
        (column, *_) = table.columns[Role.TEXT]
        notes.append(
            f"column '{column}' is not used: it has another text each time, so it is not the "
            f"items' (text={column} takes it all the same)"
        )
    else:
        texts |= {item: text for item, text in said.first.items() if not texts.get(item)}
    if itemless:
        notes.append(f"{itemless:,} events on no item (searches, say) left out")
    if disliked:
        notes.append(f"{disliked:,} dislikes left out: a data set holds what people chose")
    if table.unwanted:
        notes.append(f"{table.unwanted:,} events of kinds that are not wanted left out")
    if table.ignored is not None:
        notes.append(
            f"column '{table.ignored}' is not used: most of its words are no kinds of event "
            f"(kind={table.ignored} takes it, and kinds=WORD:KIND,... says what words mean)"
        )
    return finished(source, assembly, items, texts, table.rejects, notes, has_times=has_times)


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
        form=table_form(source),
        columns=_columns(source),
        separator=source.options.get("list_separator"),
        newest_first=source.flag(_LATEST_FIRST, default=False),
    )
    items = item_table(source)
    texts = texts_of(items)
    by_text = {_plain(text): item for item, text in reversed(texts.items()) if text}
    assembly = Assembly(texts)
    searches, has_times = 0, True
    parts: tuple[list[str], list[str], list[int], list[str]] = ([], [], [], [])
    for person in table.people():
        events = [event for event in person.events if event.kind != "search"]
        searches += len(person.events) - len(events)
        has_times &= person.timed or not events
        for place, (item, event) in enumerate(_named(events, texts, by_text)):
            parts[0].append(person.user)
            parts[1].append(item)
            parts[2].append(event.entry.time or 0 if person.timed else place)
            parts[3].append(event.kind)
    assembly.add(
        pl.Series(parts[0], dtype=pl.String),
        pl.Series(parts[1], dtype=pl.String),
        np.array(parts[2], dtype=np.int64),
        # Where all are of one kind, it tells nothing.
        pl.Series(parts[3], dtype=pl.String) if len(set(parts[3])) > 1 else None,
    )
    marks = ", ".join(f"'{mark}' ({role})" for role, mark in table.separators.items())
    notes = [f"lists that are not JSON are cut at {marks}"]
    if not has_times:
        notes.append(ORDER_ONLY)
    if searches:
        notes.append(f"{searches:,} searches left out: they are on no item")
    return finished(source, assembly, items, texts, table.rejects, notes, has_times=has_times)


class _Said:
    """The texts that events have: the first of each item, and whether others differ from it.

    Attributes:
        first: the first text, by item.
    """

    def __init__(self) -> None:
        self.first: dict[str, str] = {}
        self._again: set[str] = set()
        self._different: set[str] = set()

    def add(self, events: pl.DataFrame) -> None:
        """Add events, with columns ``item`` and ``text``."""
        of_item = (
            events.drop_nulls("text")
            .group_by("item", maintain_order=True)
            .agg(pl.col("text").first(), pl.len(), pl.col("text").n_unique().alias("texts"))
        )
        for item, text, count, texts in of_item.rows():
            if count > 1 or item in self.first:
                self._again.add(item)
            first = self.first.setdefault(item, text)
            if texts > 1 or first != text:
                self._different.add(item)

    @property
    def varies(self) -> bool:
        """Whether most items that have more than one text have different ones."""
        return len(self._different) > len(self._again) / 2


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


def _columns(source: Source) -> dict[Role, str]:
    return {role: source.options[role] for role in Role if role in source.options}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
