"""The wide form: a row a person, with lists of what they viewed, searched and clicked in cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from penchant.shared.errors import DataError
from penchant.shared.tables.cells import Entry, column_separator, parse_cell
from penchant.shared.tables.columns import Columns, Role, map_columns
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.table import LINE, Table, TableFormat, open_table

__all__ = ["Person", "WideEvent", "WideTable", "is_wide"]

# The kind of event that each list holds.
_LISTS = {Role.HISTORY: "view", Role.SEARCHES: "search", Role.CLICKS: "click"}
_ROLES = (Role.USER, *_LISTS)
_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class WideEvent:
    """One entry of a person's lists, and the kind of event it stands for."""

    kind: str
    entry: Entry


@dataclass(frozen=True)
class Person:
    """One row.

    Attributes:
        line: where it is.
        user: whose it is.
        events: what its lists hold, oldest first: by time if every entry tells one; if not, the
            lists run side by side, each from the start to the end of the same span.
        timed: whether every entry tells its time.
    """

    line: int
    user: str
    events: tuple[WideEvent, ...]
    timed: bool


def is_wide(columns: tuple[str, ...], given: Mapping[Role, str] | None = None) -> bool:
    """Tell whether a table's columns are those of the wide form."""
    mapped = map_columns(columns, _ROLES, {r: c for r, c in (given or {}).items() if r in _ROLES})
    return any(role in mapped for role in _LISTS) and Role.USER in mapped


@dataclass
class WideTable:
    """A table with one row a person.

    A row needs a user; it may have empty lists. Two rows of one user are one person's.

    Attributes:
        table: the file.
        columns: which column means what.
        separators: what stands between the entries of each list.
        newest_first: whether lists begin with what was last.
        rejects: malformed rows, counted while :meth:`people` is read.
    """

    table: Table
    columns: Columns
    separators: Mapping[Role, str]
    newest_first: bool
    rejects: Rejects = field(repr=False)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        form: TableFormat | None = None,
        columns: Mapping[Role, str] | None = None,
        separator: str | None = None,
        newest_first: bool = False,
    ) -> "WideTable":
        """Open a table in the wide form.

        Args:
            path: CSV, TSV or Parquet.
            form: how a text file is to be read.
            columns: columns that are not to be guessed: user, history, searches, clicks.
            separator: what stands between entries, for all lists; found out for each if not given.
            newest_first: whether lists begin with what was last.

        Raises:
            DataError: the file cannot be read, or has no column of users or none of lists.
            ConfigurationError: a column that is given does not exist.
        """
        table = open_table(path, form)
        mapped = map_columns(table.columns, _ROLES, columns or {})
        if Role.USER not in mapped or len(mapped) < 2:
            raise DataError(
                f"{path} has columns {', '.join(table.columns)}; the wide form needs one of users "
                "and at least one of browsing history, search records and click behaviour; say "
                "which they are, such as user=COLUMN and history=COLUMN"
            )
        found = cls(table, mapped, {}, newest_first, Rejects(path))
        if separator is not None:
            separators = {role: separator for role in mapped if role in _LISTS}
        else:
            sample = list(islice(found._rows(Rejects(path)), _SAMPLE))
            separators = {
                role: column_separator(
                    cell for row in sample if (cell := row[name]) and not cell.startswith("[")
                )
                for role, (name,) in mapped.items()
                if role in _LISTS
            }
        return replace(found, separators=separators)

    def people(self) -> Iterator[Person]:
        """Read the rows, one after the other.

        Raises:
            DataError: the file cannot be read.
        """
        (user,) = self.columns[Role.USER]
        for row in self._rows(self.rejects):
            if row[user] is None:
                self.rejects.add(row[LINE], "no user")
                continue
            yield self._person(row[LINE], row[user], row)

    def _rows(self, rejects: Rejects) -> Iterator[dict[str, Any]]:
        names = [name for own in self.columns.values() for name in own]
        for batch in self.table.batches(rejects, list(dict.fromkeys(names))):
            yield from batch.iter_rows(named=True)

    def _person(self, line: int, user: str, row: Mapping[str, Any]) -> Person:
        placed = []
        for role, separator in self.separators.items():
            cell = row[self.columns[role][0]]
            entries = parse_cell(str(cell), separator) if cell is not None else []
            if self.newest_first:
                entries.reverse()
            placed += [
                ((place + 0.5) / len(entries), WideEvent(_LISTS[role], entry))
                for place, entry in enumerate(entries)
            ]
        timed = bool(placed) and all(event.entry.time is not None for _, event in placed)
        placed.sort(key=lambda event: event[1].entry.time or 0 if timed else event[0])
        return Person(line, user, tuple(event for _, event in placed), timed)
