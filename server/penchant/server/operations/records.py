"""The server's own records: rounds, enrolment codes, refusals, troubles and switches."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from penchant.server.measures import Measured
from penchant.server.operations.schema import MIGRATIONS
from penchant.shared.errors import StoreError

__all__ = ["Records", "RoundRecord", "Trouble"]

TROUBLES_KEPT = 100
ROUND_COLUMNS = (
    "number, mechanism, started, finished, cohort, accepted, rejected, void, attempts, epsilon,"
    " hits, gains, devices, deviation"
)


@dataclass(frozen=True)
class RoundRecord:
    """A round that was begun.

    Attributes:
        number: from 1.
        mechanism: JSON of what the accountant counts it as.
        started: unix seconds of its last attempt.
        finished: unix seconds, None while it runs.
        cohort: devices asked.
        accepted: updates that count.
        rejected: replies that do not.
        void: 1 if the ranker did not move, 0 if it did.
        attempts: how often it was begun; more than once where a server was stopped in between.
        epsilon: spent by all rounds up to this one, None without noise.
        measured: what devices told of the ranker they were given, None if nothing.
    """

    number: int
    mechanism: str
    started: float
    finished: float | None
    cohort: int
    accepted: int
    rejected: int
    void: int
    attempts: int
    epsilon: float | None
    measured: Measured | None = None


@dataclass(frozen=True)
class Trouble:
    """Something that went wrong: when, unix seconds, and what."""

    time: float
    text: str


class Records:
    """The records, in one SQLite file that the server and operators' commands share.

    Args:
        path: the file; made, for its owner alone to read, if it does not exist.

    Raises:
        StoreError: it cannot be opened, or is of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=30.0
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the server's records {path}: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    # Enrolment codes

    def add_code(self, secret_hash: str, *, label: str, expires: float) -> None:
        """Keep a code that admits one device until ``expires``, unix seconds."""
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO code VALUES (?, ?, ?, NULL)", (secret_hash, label, expires))

    def use_code(self, secret_hash: str, *, now: float | None = None) -> str | None:
        """Use up a code; return its label, or None if there is none that may be used."""
        moment = time.time() if now is None else now
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE code SET used = ? WHERE secret_hash = ? AND used IS NULL AND expires > ?"
                " RETURNING label",
                (moment, secret_hash, moment),
            )
            row = cursor.fetchone()
        return None if row is None else str(row[0])

    def give_back_code(self, secret_hash: str) -> None:
        """Let a code be used again: its device could not be enrolled."""
        with self._transaction() as cursor:
            cursor.execute("UPDATE code SET used = NULL WHERE secret_hash = ?", (secret_hash,))

    def open_codes(self, *, now: float | None = None) -> int:
        """Return how many codes could still be used."""
        moment = time.time() if now is None else now
        ((count,),) = self._rows(
            "SELECT count(*) FROM code WHERE used IS NULL AND expires > ?", (moment,)
        )
        return int(count)

    # Rounds

    def begin_round(self, number: int, *, mechanism: Mapping[str, object]) -> None:
        """Note that a round begins, anew if an earlier attempt at it was cut short.

        Raises:
            StoreError: the round has ended already; its cost must not be forgotten.
        """
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO round (number, mechanism, started) VALUES (?, ?, ?)"
                " ON CONFLICT (number) DO UPDATE SET mechanism = excluded.mechanism,"
                " started = excluded.started, attempts = attempts + 1 WHERE finished IS NULL",
                (number, json.dumps(mechanism, sort_keys=True), time.time()),
            )
            if cursor.rowcount == 0:
                raise StoreError(
                    f"round {number} is on record as ended; the checkpoint is older than the "
                    "records: restore both from one back-up"
                )

    def note_cohort(self, number: int, *, cohort: int) -> None:
        """Note how many devices a round asks."""
        with self._transaction() as cursor:
            cursor.execute("UPDATE round SET cohort = ? WHERE number = ?", (cohort, number))

    def finish_round(
        self,
        number: int,
        *,
        accepted: int,
        rejected: int,
        void: bool,
        epsilon: float | None,
        measured: Measured | None = None,
    ) -> None:
        """Note how a round ended, and what was measured in it."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE round SET finished = ?, accepted = ?, rejected = ?, void = ?, epsilon = ?"
                " WHERE number = ?",
                (time.time(), accepted, rejected, void, epsilon, number),
            )
            if measured is not None:
                cursor.execute(
                    "REPLACE INTO measure VALUES (?, ?, ?, ?, ?)", (number, *astuple(measured))
                )

    def rounds(self, *, last: int | None = None) -> list[RoundRecord]:
        """Return rounds by number: all, or the ``last`` of them."""
        rows = self._rows(
            f"SELECT {ROUND_COLUMNS} FROM round LEFT JOIN measure ON measure.round = number"
            " ORDER BY number DESC LIMIT ?",
            (-1 if last is None else last,),
        )
        return [_round_of(row) for row in reversed(rows)]

    # Refusals, troubles, switches

    def refused(self, reasons: Mapping[str, int]) -> None:
        """Count replies and requests that were refused, by reason."""
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT INTO refusal VALUES (?, ?)"
                " ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count",
                list(reasons.items()),
            )

    def refusals(self) -> dict[str, int]:
        """Return how many were refused, by reason."""
        return dict(self._rows("SELECT reason, count FROM refusal ORDER BY reason"))

    def note_trouble(self, text: str) -> None:
        """Keep what went wrong, for the operator; the oldest are forgotten."""
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO trouble (time, text) VALUES (?, ?)", (time.time(), text))
            cursor.execute(
                "DELETE FROM trouble WHERE id <= (SELECT max(id) FROM trouble) - ?",
                (TROUBLES_KEPT,),
            )

    def troubles(self, *, last: int = 10) -> list[Trouble]:
        """Return the latest troubles, the latest first."""
        rows = self._rows("SELECT time, text FROM trouble ORDER BY id DESC LIMIT ?", (last,))
        return [Trouble(*row) for row in rows]

    def set_switch(self, name: str, value: str) -> None:
        """Set a switch that the server looks at."""
        with self._transaction() as cursor:
            cursor.execute("REPLACE INTO switch VALUES (?, ?)", (name, value))

    def switch(self, name: str) -> str | None:
        """Return how a switch is set, None if it never was."""
        rows = self._rows("SELECT value FROM switch WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def _prepare(self) -> None:
        self._rows("PRAGMA journal_mode = WAL")
        self._rows("PRAGMA synchronous = FULL")
        with self._transaction() as cursor:
            cursor.execute("PRAGMA user_version")
            ((version,),) = cursor.fetchall()
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"the records {self._path} have schema version {version}; this penchant reads "
                    f"versions up to {len(MIGRATIONS)}; use the penchant that wrote them"
                )
            for migration in MIGRATIONS[version:]:
                for statement in migration.split(";"):
                    cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise StoreError(f"cannot write to {self._path}: {error}") from error
            except BaseException:
                self._undo()
                raise

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"cannot read {self._path}: {error}") from error


def _round_of(row: tuple[Any, ...]) -> RoundRecord:
    *_, hits, gains, devices, deviation = row
    measured = None if hits is None else Measured(hits, gains, devices, deviation)
    return replace(RoundRecord(*row[:-4]), measured=measured)
