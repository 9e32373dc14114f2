"""The ledger's database: a chain of entries, consent receipts, and the answer that may be sent.

Entries are never changed and never deleted. Each carries the hash of the one before it and of
itself, so that a witness who knows one hash knows everything up to it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from penchant.client.ledger.consent import Purpose, Receipt, Terms
from penchant.client.ledger.costs import Cost
from penchant.client.ledger.rules import Contribution
from penchant.client.ledger.witness import Mark
from penchant.client.storage import Database, Migration, dumped, restore
from penchant.shared.errors import StoreError

__all__ = ["MIGRATIONS", "MOVED", "Answer", "Journal"]

MOVED = "this profile moved to another device"
CARRIED = ("entry", "consent", "value")

MIGRATIONS: Final[tuple[Migration, ...]] = (
    """
    CREATE TABLE entry (
        number INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        purpose TEXT,
        task TEXT,
        released_rho REAL,
        server_rho REAL,
        frozen_until INTEGER,
        reason TEXT,
        head TEXT NOT NULL
    );
    CREATE INDEX entry_task ON entry (task) WHERE task IS NOT NULL;
    CREATE INDEX entry_time ON entry (purpose, time);
    CREATE TABLE consent (
        number INTEGER PRIMARY KEY,
        purpose TEXT NOT NULL,
        text TEXT NOT NULL,
        version TEXT NOT NULL,
        given INTEGER NOT NULL,
        revoked INTEGER
    );
    CREATE TABLE answer (
        number INTEGER PRIMARY KEY CHECK (number = 1),
        task TEXT NOT NULL,
        local BLOB NOT NULL,
        message BLOB NOT NULL
    );
    CREATE TABLE value (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
    """,
    "ALTER TABLE answer ADD COLUMN measured INTEGER NOT NULL DEFAULT 0;",
)


@dataclass(frozen=True)
class Answer:
    """What a round made.

    Attributes:
        message: the bytes that may leave.
        local: what the device keeps when they do, as its learner wrote it.
        measured: a measure of the ranker is among the bytes, to be agreed to and paid for.
    """

    message: bytes
    local: bytes
    measured: bool = False


class Journal:
    """Reads and writes the ledger's tables.

    Args:
        database: open, with ``MIGRATIONS``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the block one transaction, whole or not at all."""
        with self._database.transaction():
            yield

    def mark(self) -> Mark:
        """Return how far the ledger has come."""
        rows = self._database.execute("SELECT number, head FROM entry ORDER BY number DESC LIMIT 1")
        count, head = rows[0] if rows else (0, "")
        return Mark(int(count), str(head), self.latest_time() or 0)

    def head(self, number: int) -> str | None:
        """Return the hash of the chain up to entry ``number``, or None if there is no such one."""
        if number == 0:
            return ""
        rows = self._database.execute("SELECT head FROM entry WHERE number = ?", (number,))
        return str(rows[0][0]) if rows else None

    def latest_time(self) -> int | None:
        """Return the latest time that the ledger was told, or None if it is new."""
        rows = self._database.execute("SELECT number FROM value WHERE name = 'latest_time'")
        return int(rows[0][0]) if rows else None

    def tell_time(self, time: int) -> None:
        """Remember ``time`` as the latest."""
        self._database.execute("REPLACE INTO value VALUES ('latest_time', ?)", (time,))

    def add_contribution(self, purpose: Purpose, task: str, *, time: int, cost: Cost) -> None:
        """Add a contribution to the chain."""
        fields = (time, purpose.value, task, cost.released, cost.server, None, None)
        self._append(self.mark().count + 1, fields)

    def add_freeze(self, *, number: int, time: int, until: int, reason: str) -> None:
        """Add an entry that holds everything back until a time.

        Args:
            number: of the entry; above all that the ledger or a witness knows.
            time: unix seconds.
            until: unix seconds.
            reason: why, for people.
        """
        self._append(number, (time, None, None, None, None, until, reason))

    def contributions(self, purpose: Purpose, *, after: int) -> list[Contribution]:
        """Return the contributions later than ``after``, oldest first."""
        rows = self._database.execute(
            "SELECT time, released_rho, server_rho FROM entry"
            " WHERE purpose = ? AND time > ? ORDER BY time, number",
            (purpose.value, after),
        )
        return [Contribution(time, Cost(released, server)) for time, released, server in rows]

    def contribution_count(self, purpose: Purpose) -> int:
        """Return how many contributions there ever were."""
        ((count,),) = self._database.execute(
            "SELECT count(*) FROM entry WHERE purpose = ?", (purpose.value,)
        )
        return int(count)

    def latest_contribution(self, purpose: Purpose) -> int | None:
        """Return the time of the latest contribution ever, or None."""
        ((latest,),) = self._database.execute(
            "SELECT max(time) FROM entry WHERE purpose = ?", (purpose.value,)
        )
        return None if latest is None else int(latest)

    def is_debited(self, task: str) -> bool:
        """Whether the answer to ``task`` has been paid for."""
        return bool(self._database.execute("SELECT 1 FROM entry WHERE task = ? LIMIT 1", (task,)))

    def freeze(self) -> tuple[int, str]:
        """Return until when everything is held back, unix seconds, and why; (0, "") if never."""
        rows = self._database.execute(
            "SELECT frozen_until, reason FROM entry WHERE frozen_until IS NOT NULL"
            " ORDER BY frozen_until DESC LIMIT 1"
        )
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")

    def contents(self) -> dict[str, Any]:
        """Return everything but answers, JSON-able, up to where the profile moved away."""
        found = dumped(self._database, CARRIED)
        entries = found["tables"]["entry"]
        reason = entries["columns"].index("reason")
        moved = [row[reason] == MOVED for row in entries["rows"]] + [True]
        del entries["rows"][moved.index(True) :]
        return found

    def replace_contents(self, contents: Mapping[str, Any]) -> None:
        """Keep what another ledger held in place of what this one does."""
        restore(self._database, contents, CARRIED)

    def has_moved(self) -> bool:
        """Whether the profile moved to another device."""
        return bool(
            self._database.execute("SELECT 1 FROM entry WHERE reason = ? LIMIT 1", (MOVED,))
        )

    def answer(self, task: str) -> Answer | None:
        """Return the answer kept for ``task``, or None."""
        rows = self._database.execute(
            "SELECT message, local, measured FROM answer WHERE task = ?", (task,)
        )
        return Answer(rows[0][0], rows[0][1], bool(rows[0][2])) if rows else None

    def keep_answer(self, task: str, answer: Answer) -> None:
        """Keep one answer, in place of any other."""
        with self.transaction():
            # In place: what it replaces is as long, and deleting it would cost as much again.
            self._database.execute(
                "INSERT INTO answer VALUES (1, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " task = excluded.task, local = excluded.local, message = excluded.message,"
                " measured = excluded.measured",
                (task, answer.local, answer.message, answer.measured),
            )

    def drop_answers(self) -> None:
        """Forget answers, so that they are not sent any more; what was spent stays spent."""
        if self._database.execute("SELECT 1 FROM answer LIMIT 1"):
            self._database.execute("DELETE FROM answer")
            self._database.purge()

    def add_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt."""
        terms = receipt.terms
        self._database.execute(
            "INSERT INTO consent (purpose, text, version, given) VALUES (?, ?, ?, ?)",
            (receipt.purpose.value, terms.text, terms.version, receipt.given),
        )

    def revoke(self, purpose: Purpose, *, time: int) -> None:
        """Mark the receipts of ``purpose`` that hold as taken back."""
        self._database.execute(
            "UPDATE consent SET revoked = ? WHERE purpose = ? AND revoked IS NULL",
            (time, purpose.value),
        )

    def receipts(self) -> list[Receipt]:
        """Return all receipts, oldest first."""
        rows = self._database.execute(
            "SELECT purpose, text, version, given, revoked FROM consent ORDER BY number"
        )
        return [
            Receipt(Purpose(purpose), Terms(text, version), given, revoked)
            for purpose, text, version, given, revoked in rows
        ]

    def agrees(self, purpose: Purpose) -> bool:
        """Whether a receipt of ``purpose`` holds."""
        return bool(
            self._database.execute(
                "SELECT 1 FROM consent WHERE purpose = ? AND revoked IS NULL LIMIT 1",
                (purpose.value,),
            )
        )

    def require_whole(self) -> None:
        """Check the chain of hashes from the first entry to the last.

        Raises:
            StoreError: an entry is not what it was when it was added.
        """
        before = ""
        for number, *fields, head in self._database.execute("SELECT * FROM entry ORDER BY number"):
            if head != _chained(before, number, tuple(fields)):
                raise StoreError(
                    f"entry {number} of the privacy ledger is not what it was when it was added; "
                    "restore the ledger from a backup, which means waiting, but loses nothing"
                )
            before = head

    def _append(self, number: int, fields: tuple[object, ...]) -> None:
        head = _chained(self.mark().head, number, fields)
        with self.transaction():
            self._database.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (number, *fields, head)
            )
            time = fields[0]
            if isinstance(time, int) and time > (self.latest_time() or 0):
                self.tell_time(time)


def _chained(before: str, number: int, fields: tuple[object, ...]) -> str:
    content = json.dumps([before, number, *fields], separators=(",", ":")).encode()
    return hashlib.sha256(content).hexdigest()
