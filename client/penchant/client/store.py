"""Where a device keeps its behaviour log and its private state, behind one interface."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from penchant.client.events import Event
from penchant.shared.errors import StoreError

__all__ = ["SqliteStore", "Store", "StoredEvent"]

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item TEXT,
    text TEXT,
    embedding BLOB
);
CREATE INDEX event_time ON event (time, id);
CREATE TABLE value (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE private_vector (
    model TEXT NOT NULL,
    round INTEGER NOT NULL,
    event_private INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (model, round)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the store keeps it.

    Attributes:
        time: unix seconds.
        kind: an ``EventKind`` value.
        item: id of a catalogue item, or None.
        text: free text, or None.
        embedding: the text's embedding as little-endian float32, or None where the item's own
            embedding stands for it.
    """

    time: int
    kind: str
    item: str | None
    text: str | None
    embedding: bytes | None

    @classmethod
    def of(cls, event: Event, embedding: bytes | None = None) -> "StoredEvent":
        """Return the stored form of ``event``."""
        return cls(event.time, event.kind.value, event.item, event.text, embedding)


class Store(Protocol):
    """A device's local store. Every method is one transaction: done whole, or not at all."""

    def append(self, events: Sequence[StoredEvent], *, interest_state: bytes) -> None:
        """Add events together with the interest state that has seen them."""

    def events(self) -> list[StoredEvent]:
        """Return all events, oldest first; ties in time in the order they were added."""

    def latest_events(self, count: int) -> list[StoredEvent]:
        """Return the last ``count`` of ``events()``, oldest first."""

    def items(self) -> list[str]:
        """Return the ids of the items that events are on, each once, in any order."""

    def event_count(self) -> int:
        """Return the number of events kept."""

    def interest_state(self) -> bytes | None:
        """Return the interest state, or None before the first event."""

    def private_vector(
        self, model: str, *, before: int | None = None, event_private: bool = False
    ) -> bytes | None:
        """Return the latest private vector of ``model``, or None.

        Args:
            model: the ranker's identity.
            before: only of rounds below this one, if given.
            event_private: only of rounds with event-level privacy.
        """

    def latest_round(self, model: str) -> int | None:
        """Return the latest round that ``model`` was trained in, or None."""

    def save_private_vector(
        self, model: str, content: bytes, *, round_number: int, event_private: bool
    ) -> None:
        """Keep the private vector that ``round_number`` left, and the one it started from."""

    def close(self) -> None:
        """Release the store."""


class SqliteStore:
    """A store in one SQLite file.

    Args:
        path: the file; made, for its owner alone to read, if it does not exist.
        durable: wait for the disk at every transaction. A simulation, which can be run again,
            turns it off.

    Raises:
        StoreError: the file is not a store, is of another version, or cannot be opened.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path = path
        try:
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the store {path}: {error}") from error
        try:
            self._prepare(durable=durable)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, durable: bool) -> None:
        self._rows(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        if not durable:
            self._rows("PRAGMA journal_mode = MEMORY")
        ((version,),) = self._rows("PRAGMA user_version")
        if version == 0:
            if self._rows("SELECT name FROM sqlite_master"):
                raise StoreError(
                    f"{self._path} is a database of another program; choose another folder"
                )
            with self._transaction() as cursor:
                for statement in SCHEMA.split(";"):
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise StoreError(
                f"the store {self._path} has schema version {version}; this penchant reads "
                f"version {SCHEMA_VERSION}; use the penchant that wrote it"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise StoreError(f"cannot write to the store {self._path}: {error}") from error
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot read the store {self._path}: {error}") from error

    def append(self, events: Sequence[StoredEvent], *, interest_state: bytes) -> None:
        """Add events together with the interest state that has seen them."""
        rows = ((e.time, e.kind, e.item, e.text, e.embedding) for e in events)
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT INTO event (time, kind, item, text, embedding) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            cursor.execute("REPLACE INTO value VALUES ('interest_state', ?)", (interest_state,))

    def events(self) -> list[StoredEvent]:
        """Return all events, oldest first; ties in time in the order they were added."""
        rows = self._rows("SELECT time, kind, item, text, embedding FROM event ORDER BY time, id")
        return [StoredEvent(*row) for row in rows]

    def latest_events(self, count: int) -> list[StoredEvent]:
        """Return the last ``count`` of ``events()``, oldest first."""
        rows = self._rows(
            "SELECT time, kind, item, text, embedding FROM event"
            " ORDER BY time DESC, id DESC LIMIT ?",
            (count,),
        )
        return [StoredEvent(*row) for row in reversed(rows)]

    def items(self) -> list[str]:
        """Return the ids of the items that events are on, each once, in any order."""
        rows = self._rows("SELECT DISTINCT item FROM event WHERE item IS NOT NULL")
        return [item for (item,) in rows]

    def event_count(self) -> int:
        """Return the number of events kept."""
        ((count,),) = self._rows("SELECT count(*) FROM event")
        return int(count)

    def interest_state(self) -> bytes | None:
        """Return the interest state, or None before the first event."""
        rows = self._rows("SELECT content FROM value WHERE name = 'interest_state'")
        return bytes(rows[0][0]) if rows else None

    def private_vector(
        self, model: str, *, before: int | None = None, event_private: bool = False
    ) -> bytes | None:
        """Return the latest private vector of ``model``, or None; see ``Store``."""
        rows = self._rows(
            "SELECT content FROM private_vector"
            " WHERE model = ? AND round < ? AND event_private >= ? ORDER BY round DESC LIMIT 1",
            (model, 2**62 if before is None else before, event_private),
        )
        return bytes(rows[0][0]) if rows else None

    def latest_round(self, model: str) -> int | None:
        """Return the latest round that ``model`` was trained in, or None."""
        ((latest,),) = self._rows("SELECT max(round) FROM private_vector WHERE model = ?", (model,))
        return None if latest is None else int(latest)

    def save_private_vector(
        self, model: str, content: bytes, *, round_number: int, event_private: bool
    ) -> None:
        """Keep the private vector that ``round_number`` left, and the one it started from.

        The one before is kept so that a round asked for again starts from the same place.
        """
        with self._transaction() as cursor:
            cursor.execute(
                "DELETE FROM private_vector WHERE model = ? AND (round >= ? OR round <"
                " (SELECT max(round) FROM private_vector WHERE model = ? AND round < ?))",
                (model, round_number, model, round_number),
            )
            cursor.execute(
                "INSERT INTO private_vector VALUES (?, ?, ?, ?)",
                (model, round_number, event_private, content),
            )

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
