"""One person's log: the events of theirs that a table holds, oldest first."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from penchant.shared.errors import DataError
from penchant.shared.tables import (
    DEFAULT_KIND,
    DEFAULT_TOLERANCE,
    ORDER_LIMIT,
    EventTable,
    Rejects,
    Role,
    TableFormat,
    WideTable,
    is_wide,
    open_table,
)
from penchant.shared.tables.packing import last_written

__all__ = ["Log", "Logged", "read_log"]

LONGEST_STEP = 3600

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Logged:
    """One thing a person did, as a table tells it.

    Attributes:
        kind: an event kind's name.
        item: identifier of an item, or None.
        text: free text, or None.
        time: unix seconds.
        language: of the text, as the table writes it, or None.
        named: whether ``item`` may be a name of the item instead; in the wide form nobody tells.
    """

    kind: str
    item: str | None
    text: str | None
    time: int
    language: str | None = None
    named: bool = False


@dataclass(frozen=True)
class Log:
    """What one person did, oldest first.

    Attributes:
        user: whose it is; None if the table does not say.
        events: what they did.
        rejects: the table's malformed rows.
        has_times: whether times are the table's; if not, the last event is set at the time the
            file was last written, and each other an hour before the next (less if there are so
            many that they would begin before 1970).
        unknown_kinds: words that were no kind of event and count as ``custom``, with their rows.
    """

    user: str | None
    events: tuple[Logged, ...]
    rejects: Rejects
    has_times: bool
    unknown_kinds: Mapping[str, int] = field(default_factory=dict)


def read_log(
    path: Path,
    *,
    user: str | None = None,
    columns: Mapping[Role, str] | None = None,
    form: TableFormat | None = None,
    default_kind: str = DEFAULT_KIND,
    time_format: str | None = None,
    separator: str | None = None,
    newest_first: bool = False,
    tolerance: float = DEFAULT_TOLERANCE,
    progress: Progress | None = None,
) -> Log:
    """Read one person's events from a table: one row an event, or one row a person.

    Args:
        path: CSV, TSV, JSON or Parquet.
        user: whose events; needed if the table has more than one person's.
        columns: columns that are not to be guessed, by role.
        form: how a text file is to be read.
        default_kind: kind of the events that tell none.
        time_format: how times of a row an event are written; None for the usual ways.
        separator: what stands between the entries of a list in the wide form.
        newest_first: whether the lists of the wide form begin with what was last.
        tolerance: share of rows that may be malformed, in [0, 1].
        progress: told how many rows have been read.

    Raises:
        DataError: the file cannot be read, has more malformed rows than are tolerated, has no
            events of this person, or has several persons' and none was chosen.
        ConfigurationError: a column that is given does not exist.
    """
    report = progress or _silent
    if is_wide(open_table(path, form).columns, columns):
        wide = WideTable.open(
            path, form=form, columns=columns, separator=separator, newest_first=newest_first
        )
        log = _wide_log(wide, user, report)
    else:
        events = EventTable.open(
            path,
            form=form,
            columns=columns,
            default_kind=default_kind,
            time_format=time_format,
        )
        log = _long_log(events, user, report)
    log.rejects.check(tolerance)
    if not log.events:
        raise DataError(f"{path} has no events of {'anybody' if user is None else repr(user)}")
    return log


def _long_log(table: EventTable, user: str | None, report: Progress) -> Log:
    path, owner = table.rejects.path, user
    if user is not None and not table.has_users:
        raise DataError(f"{path} does not say whose its rows are; leave the user out, or map it")
    found: list[Logged] = []
    for batch in table.batches():
        report(table.rejects.rows)
        if table.has_users:
            owner = _one_owner(
                path, owner, batch["user"].unique(maintain_order=True).to_list(), asked=user
            )
            batch = batch.filter(batch["user"] == owner)
        columns = batch.select(
            "kind", "item", "text", batch["time"].fill_null(0), "language"
        ).rows()
        found += [Logged(*row) for row in columns]
    latest = max((event.time for event in found), default=0)
    has_times = table.has_times and latest >= ORDER_LIMIT
    found.sort(key=lambda event: event.time)
    events = tuple(found) if has_times else tuple(_spaced(found, path))
    return Log(owner, events, table.rejects, has_times, dict(table.unknown_kinds))


def _wide_log(table: WideTable, user: str | None, report: Progress) -> Log:
    path, owner = table.rejects.path, user
    found: list[Logged] = []
    has_times = True
    for person in table.people():
        report(table.rejects.rows)
        owner = _one_owner(path, owner, [person.user], asked=user)
        if person.user != owner:
            continue
        has_times &= person.timed or not person.events
        for event in person.events:
            entry = event.entry
            searched = event.kind == "search"
            item, text = (None, entry.thing) if searched else (entry.thing, entry.text)
            found.append(Logged(event.kind, item, text, entry.time or 0, named=not searched))
    if has_times:
        found.sort(key=lambda event: event.time)
        return Log(owner, tuple(found), table.rejects, has_times=True)
    return Log(owner, tuple(_spaced(found, path)), table.rejects, has_times=False)


def _silent(rows: int) -> None:
    """Tell nobody."""


def _one_owner(path: Path, owner: str | None, users: list[str], *, asked: str | None) -> str | None:
    """Return whose log it is, having seen ``users`` too."""
    if asked is not None:
        return asked
    for name in users:
        if owner is not None and name != owner:
            raise DataError(
                f"{path} has events of several people, such as '{owner}' and '{name}', and a "
                "device is one person's; choose whose to import, such as --user " + repr(owner)
            )
        owner = name
    return owner


def _spaced(events: list[Logged], path: Path) -> Iterator[Logged]:
    """Give events their times where the table tells none."""
    end = last_written(path)
    step = max(1, min(LONGEST_STEP, end // max(1, len(events))))
    times = end - step * np.arange(len(events))[::-1]
    for event, time in zip(events, times.tolist(), strict=True):
        yield replace(event, time=time)
