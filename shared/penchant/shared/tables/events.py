"""Tables of events: one row an event, in any order, with or without times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables.columns import Columns, Role, map_columns
from penchant.shared.tables.kinds import CUSTOM, DEFAULT_KIND, NO_KIND, meaning_of
from penchant.shared.tables.rejects import Rejects
from penchant.shared.tables.table import LINE, Table, TableFormat, open_table
from penchant.shared.tables.times import epoch_seconds

__all__ = ["ORDER_LIMIT", "EventTable"]

# Times that all lie before 27 April 1970 are places in an order, not times.
ORDER_LIMIT = 10_000_000
_NO_TIME, _UNKNOWN_KIND = "not a time", "not a kind of event"
_ROLES = (Role.USER, Role.ITEM, Role.TIME, Role.KIND, Role.TEXT, Role.LANGUAGE)


@dataclass
class EventTable:
    """A table with one row an event.

    A row needs an item or a text, a user if the table has users, and a time if it has times;
    without, it is malformed. Without a kind column all events are of ``default_kind``; a word that
    is no kind is ``custom``, or, where kinds are strict, makes its row malformed.

    Attributes:
        table: the file.
        columns: which column means what.
        default_kind: kind of the events that tell none.
        time_format: how times are written, by the signs of ``strptime``; None for the usual ways.
        rejects: malformed rows, counted while :meth:`batches` is read.
        kind_words: what words mean as kinds, where that is not to be guessed.
        strict_kinds: whether a word that is no kind makes its row malformed.
        unknown_kinds: words that were no kind, with their numbers of rows, counted likewise.
        unwanted: rows whose word ``kind_words`` says are to be left out, counted likewise.
        ignored: name of a column that was guessed to tell kinds and does not, once it is known.
    """

    table: Table
    columns: Columns
    default_kind: str
    time_format: str | None
    rejects: Rejects
    kind_words: Mapping[str, str] = field(default_factory=dict)
    strict_kinds: bool = False
    unknown_kinds: dict[str, int] = field(default_factory=dict)
    unwanted: int = 0
    ignored: str | None = None
    _guessed: bool = False

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        form: TableFormat | None = None,
        columns: Mapping[Role, str] | None = None,
        default_kind: str = DEFAULT_KIND,
        time_format: str | None = None,
        kind_words: Mapping[str, str] = MappingProxyType({}),
        strict_kinds: bool = False,
    ) -> "EventTable":
        """Open a table of events.

        Args:
            path: CSV, TSV, JSON or Parquet.
            form: how a text file is to be read.
            columns: columns that are not to be guessed, by role; see ``map_columns``.
            default_kind: kind of the events that tell none.
            time_format: how times are written, such as ``%d/%m/%Y``; None for the usual ways.
            kind_words: what words mean as kinds, where that is not to be guessed.
            strict_kinds: make rows malformed whose word is no kind. A column that was guessed to
                tell kinds is left alone if most of what it has first are none.

        Raises:
            DataError: the file cannot be read, or has neither items nor texts.
            ConfigurationError: a column that is given does not exist.
        """
        table = open_table(path, form)
        mapped = map_columns(table.columns, _ROLES, columns or {})
        if Role.ITEM not in mapped and Role.TEXT not in mapped:
            raise DataError(
                f"{path} has columns {', '.join(table.columns)}, and none of them is known to be "
                "the item or a text; say which one is, such as item=movie_id" + table.hint
            )
        return cls(
            table,
            mapped,
            default_kind,
            time_format,
            Rejects(path),
            kind_words,
            strict_kinds,
            _guessed=strict_kinds and Role.KIND in mapped and Role.KIND not in (columns or {}),
        )

    @property
    def has_users(self) -> bool:
        """Whether rows say whose they are."""
        return Role.USER in self.columns

    @property
    def has_kinds(self) -> bool:
        """Whether rows say of what kind they were."""
        return Role.KIND in self.columns

    @property
    def has_times(self) -> bool:
        """Whether rows say when they were; if not, their order in the file is all there is."""
        return Role.TIME in self.columns

    def batches(self) -> Iterator[pl.DataFrame]:
        """Read the events, some at a time.

        Yields:
            Columns ``LINE`` (Int64), ``user``, ``item``, ``text``, ``language``, ``kind`` (String)
            and ``time`` (Int64, unix seconds); null where a row tells nothing.

        Raises:
            DataError: the file cannot be read.
        """
        names = [name for own in self.columns.values() for name in own]
        for rows in self.table.batches(self.rejects, list(dict.fromkeys(names))):
            yield self._events(rows)

    def _events(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self._guessed:
            self._check_guess(rows)
        frame = rows.select(LINE, *(self._column(role).alias(role.value) for role in _ROLES))
        raw_times, words = frame["time"], frame["kind"]
        frame = frame.with_columns(
            epoch_seconds(raw_times, self.time_format).alias("time"), self._kinds(frame)
        )
        wrong = (
            pl.when(pl.col("item").is_null() & pl.col("text").is_null())
            .then(pl.lit("no item and no text"))
            .when(pl.lit(self.has_users) & pl.col("user").is_null())
            .then(pl.lit("no user"))
            .when(pl.lit(self.has_times) & pl.lit(raw_times).is_null())
            .then(pl.lit("no time"))
            .when(pl.lit(self.has_times) & pl.col("time").is_null())
            .then(pl.lit(_NO_TIME))
            .when(pl.col("kind").is_null())
            .then(pl.lit(_UNKNOWN_KIND))
        )
        reasons = frame.select(wrong.alias("reason")).to_series()
        bad = reasons.is_not_null()
        for line, reason, time, word in zip(
            frame[LINE].filter(bad),
            reasons.filter(bad),
            raw_times.filter(bad),
            words.filter(bad),
            strict=True,
        ):
            self.rejects.add(line, reason, {_NO_TIME: time, _UNKNOWN_KIND: word}.get(reason))
        good = frame.filter(~bad) if bad.any() else frame
        wanted = good.filter(pl.col("kind") != NO_KIND)
        self.unwanted += good.height - wanted.height
        return wanted

    def _check_guess(self, rows: pl.DataFrame) -> None:
        """Leave a guessed column alone if most of its first words are no kinds."""
        (name,) = self.columns[Role.KIND]
        counts = rows[name].cast(pl.String).drop_nulls().value_counts().rows()
        known = sum(count for word, count in counts if meaning_of(word, self.kind_words))
        self._guessed = not counts  # what is empty so far tells nothing
        if counts and known * 2 <= sum(count for _, count in counts):
            self.columns = {role: own for role, own in self.columns.items() if role != Role.KIND}
            self.ignored = name

    def _column(self, role: Role) -> pl.Expr:
        names = self.columns.get(role, ())
        if not names:
            return pl.lit(None, dtype=pl.String)
        if len(names) == 1:
            return pl.col(names[0])
        return pl.concat_str(*names, separator=". ", ignore_nulls=True)

    def _kinds(self, frame: pl.DataFrame) -> pl.Expr:
        if Role.KIND not in self.columns:
            return pl.lit(self.default_kind).alias("kind")
        words = frame["kind"].value_counts()
        known: dict[str, str | None] = {}
        for word, count in words.rows():
            if word is not None:
                kind = meaning_of(word, self.kind_words)
                known[word] = kind or (None if self.strict_kinds else CUSTOM)
                if kind is None:
                    self.unknown_kinds[word] = self.unknown_kinds.get(word, 0) + count
        told = pl.col("kind")
        return (
            pl.when(told.is_null())
            .then(pl.lit(self.default_kind))
            .otherwise(told.replace_strict(known, default=None, return_dtype=pl.String))
            .alias("kind")
        )
