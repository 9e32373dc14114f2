"""The device's store on an encrypted SQLite database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from penchant.client.storage.database import Database, Durability
from penchant.client.storage.folder import DeviceFolder
from penchant.client.storage.schema import BEHAVIOUR
from penchant.client.storage.store import StoredEvent, TrainedRound
from penchant.client.storage.transfer import dumped, restore
from penchant.shared.errors import StoreError

__all__ = ["SqliteStore"]

DATABASE = "behaviour"
COLUMNS = "time, kind, item, text, embedding, language, id"
PURGE_DUE = "purge_due"
# The last of these is SQLite's own: the greatest id ever given.
TABLES = ("event", "cleaning", "value", "private_vector", "trained_round", "sqlite_sequence")


class SqliteStore:
    """A store in an encrypted SQLite file, ``behaviour.sqlite`` in a device's folder.

    Args:
        folder: the device's, locked.
        durability: what a finished transaction outlives.

    Raises:
        StoreError: it cannot be opened; see ``DeviceFolder.database``.
    """

    def __init__(self, folder: DeviceFolder, *, durability: Durability = Durability.KILL) -> None:
        self._folder = folder
        self._durability = durability
        self._database = self._open()

        if self.value(PURGE_DUE) is not None:
            # A purge was cut short. Without the room for it the store is still usable.
            with suppress(StoreError):
                self.purge()

    def _open(self) -> Database:
        return self._folder.database(DATABASE, migrations=BEHAVIOUR, durability=self._durability)

    def transaction(self) -> AbstractContextManager[None]:
        """Make the block one transaction: kept whole at its end, undone whole by an error."""
        return self._database.transaction()

    def append(self, events: Sequence[StoredEvent], *, interest_state: bytes) -> list[int]:
        """Add events together with the interest state that has seen them; return their ids."""
        rows = ((e.time, e.kind, e.item, e.text, e.embedding, e.language) for e in events)
        with self.transaction():
            self._database.execute_many(
                "INSERT INTO event (time, kind, item, text, embedding, language)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            # One writer at a time and ids that only grow: those of one append are consecutive.
            last = self.last_event_id()
            self.save_value("interest_state", interest_state)
        return list(range(last - len(events) + 1, last + 1))

    def events(self) -> list[StoredEvent]:
        """Return all events, oldest first; ties in time in the order they were added."""
        return self._events("ORDER BY time, id")

    def latest_events(self, count: int) -> list[StoredEvent]:
        """Return the last ``count`` of ``events()``, oldest first."""
        return self._events("ORDER BY time DESC, id DESC LIMIT ?", (count,))[::-1]

    def events_between(self, first: int, last: int) -> list[StoredEvent]:
        """Return the events at times from ``first`` to ``last``, oldest first."""
        return self._events("WHERE time BETWEEN ? AND ? ORDER BY time, id", (first, last))

    def _events(self, which: str, values: Sequence[object] = ()) -> list[StoredEvent]:
        rows = self._database.execute(f"SELECT {COLUMNS} FROM event {which}", values)
        return [StoredEvent(*row) for row in rows]

    def items(self) -> list[str]:
        """Return the ids of the items that events are on, each once, in any order."""
        rows = self._database.execute("SELECT DISTINCT item FROM event WHERE item IS NOT NULL")
        return [item for (item,) in rows]

    def event_count(self) -> int:
        """Return the number of events kept."""
        ((count,),) = self._database.execute("SELECT count(*) FROM event")
        return int(count)

    def last_event_id(self) -> int:
        """Return the greatest id ever given, or 0 before the first event."""
        rows = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'")
        return int(rows[0][0]) if rows else 0

    def save_embeddings(self, embeddings: Mapping[str, bytes]) -> None:
        """Keep, by item, an embedding for each event on it that has none, all or none."""
        with self.transaction():
            self._database.execute_many(
                "UPDATE event SET embedding = ? WHERE item = ? AND embedding IS NULL",
                ((content, item) for item, content in embeddings.items()),
            )

    def event_ids(
        self, *, item: str | None = None, before: int | None = None, beyond: int | None = None
    ) -> list[int]:
        """Return the ids of the events that meet every condition given; see ``Store``."""
        conditions = {
            "item = ?": item,
            "time < ?": before,
            "id NOT IN (SELECT id FROM event ORDER BY time DESC, id DESC LIMIT ?)": beyond,
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        where = " AND ".join(["true", *given])
        rows = self._database.execute(
            f"SELECT id FROM event WHERE {where} ORDER BY time, id", list(given.values())
        )
        return [number for (number,) in rows]

    def delete(self, ids: Collection[int]) -> int:
        """Delete events and return how many there were; ``purge`` then removes every trace."""
        with self.transaction():
            before = self.event_count()
            for rows in ("event WHERE id = ?", "cleaning WHERE event = ?"):
                self._database.execute_many(f"DELETE FROM {rows}", ((i,) for i in ids))
            deleted = before - self.event_count()
            if deleted:
                self.save_value(PURGE_DUE, b"")
        return deleted

    def note_cleanings(self, cleanings: Iterable[tuple[int, str]]) -> None:
        """Note what was put right in events: the event's id and the kind of it, each once."""
        self._database.execute_many("INSERT INTO cleaning VALUES (?, ?)", cleanings)

    def cleanings(self) -> dict[str, int]:
        """Return in how many of the events kept each kind of thing was put right."""
        return dict(
            self._database.execute(
                "SELECT kind, count(*) FROM cleaning GROUP BY kind ORDER BY kind"
            )
        )

    def purge(self) -> None:
        """Leave no trace of deleted events in the files; if it is cut short, opening does it."""
        self._database.purge()
        self.save_value(PURGE_DUE, None)

    def value(self, name: str) -> bytes | None:
        """Return what was kept under ``name``, or None."""
        rows = self._database.execute("SELECT content FROM value WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else None

    def save_value(self, name: str, content: bytes | None) -> None:
        """Keep ``content`` under ``name`` in place of what was there; None keeps nothing."""
        if content is None:
            self._database.execute("DELETE FROM value WHERE name = ?", (name,))
        else:
            self._database.execute("REPLACE INTO value VALUES (?, ?)", (name, content))

    def interest_state(self) -> bytes | None:
        """Return the interest state, or None before the first event."""
        return self.value("interest_state")

    def private_vector(
        self, model: str, *, before: int | None = None, event_private: bool = False
    ) -> bytes | None:
        """Return the latest private vector of ``model``, or None; see ``Store``."""
        rows = self._database.execute(
            "SELECT content FROM private_vector"
            " WHERE model = ? AND round < ? AND event_private >= ? ORDER BY round DESC LIMIT 1",
            (model, 2**62 if before is None else before, event_private),
        )
        return bytes(rows[0][0]) if rows else None

    def latest_round(self, model: str) -> int | None:
        """Return the latest round that ``model`` was trained in, or None."""
        ((latest,),) = self._database.execute(
            "SELECT max(round) FROM private_vector WHERE model = ?", (model,)
        )
        return None if latest is None else int(latest)

    def save_private_vector(
        self, model: str, content: bytes, *, round_number: int, event_private: bool
    ) -> None:
        """Keep the private vector that ``round_number`` left, and the one it started from.

        The one before is kept so that a round asked for again starts from the same place.
        """
        with self.transaction():
            self._database.execute(
                "DELETE FROM private_vector WHERE model = ? AND (round >= ? OR round <"
                " (SELECT max(round) FROM private_vector WHERE model = ? AND round < ?))",
                (model, round_number, model, round_number),
            )
            self._database.execute(
                "INSERT INTO private_vector VALUES (?, ?, ?, ?)",
                (model, round_number, event_private, content),
            )

    def delete_private_vectors(self, model: str | None = None) -> None:
        """Delete the private vectors of ``model``, or of every one."""
        self._database.execute(
            "DELETE FROM private_vector WHERE model = coalesce(?, model)", (model,)
        )

    def trained_rounds(self, model: str | None = None) -> list[TrainedRound]:
        """Return the records of ``model``'s rounds, or of every one's, in order of rounds."""
        rows = self._database.execute(
            "SELECT model, round, event_private, task, seed, watermark FROM trained_round"
            " WHERE model = coalesce(?, model) ORDER BY model, round",
            (model,),
        )
        return [
            TrainedRound(name, number, bool(private), bytes(task), bytes(seed), watermark)
            for name, number, private, task, seed, watermark in rows
        ]

    def save_trained_round(self, record: TrainedRound) -> None:
        """Keep the record of a round in place of its earlier one and of any later round's."""
        with self.transaction():
            self._database.execute(
                "DELETE FROM trained_round WHERE model = ? AND round >= ?",
                (record.model, record.number),
            )
            self._database.execute(
                "INSERT INTO trained_round VALUES (?, ?, ?, ?, ?, ?)",
                (
                    record.model,
                    record.number,
                    record.event_private,
                    record.task,
                    record.seed,
                    record.watermark,
                ),
            )

    def delete_trained_rounds(self, model: str | None = None) -> None:
        """Delete the records of ``model``'s rounds, or of every one's."""
        self._database.execute(
            "DELETE FROM trained_round WHERE model = coalesce(?, model)", (model,)
        )

    def contents(self) -> dict[str, Any]:
        """Return everything that is kept, JSON-able: what ``replace_contents`` takes."""
        return dumped(self._database, TABLES)

    def replace_contents(self, contents: Mapping[str, Any]) -> None:
        """Keep what another store held in place of what this one does; ids stay what they were."""
        restore(self._database, contents, TABLES)

    def destroy(self) -> None:
        """Destroy everything, beyond any recovery by its key's destruction, and begin anew."""
        self._folder.destroy(DATABASE)
        self._database = self._open()

    def close(self) -> None:
        """Release the file."""
        self._folder.close_database(DATABASE)
