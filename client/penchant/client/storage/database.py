"""A SQLCipher database: encrypted, migrated, each transaction whole or not at all.

Pages are AES-256-CBC with an HMAC-SHA512 each (SQLCipher 4), checked whenever one is read: a
flipped byte is an error, never a wrong answer. Texts also lie in this process's memory as Python
strings, which nothing wipes, so SQLCipher's locking of its own memory (at several times the cost
of opening) is left off; it wipes its keys in any case.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Self

from sqlcipher3 import dbapi2 as sqlcipher

from penchant.client.storage.keys import KEY_BYTES
from penchant.shared.errors import ConfigurationError, StoreError

__all__ = ["Database", "Durability", "Migration"]

# "pnch": tells penchant's databases from others that open with the same key, or without one.
APPLICATION_ID = 0x706E6368
PLAIN_HEADER = b"SQLite format 3\x00"
WAIT_SECONDS = 1.0


class Durability(Enum):
    """What a finished transaction outlives; the value is SQLite's ``synchronous``.

    Attributes:
        POWER_CUT: a loss of power; every transaction waits for the disk.
        KILL: the death of the process, ``kill -9`` included. A loss of power can take back the
            latest transactions, whole and in order, and never damages the database.
        NOTHING: only an orderly close; for simulations, which can be run again.
    """

    POWER_CUT = "FULL"
    KILL = "NORMAL"
    NOTHING = "OFF"


class Database:
    """One open database; one process, and one thread, at a time has it.

    Open it with ``Database.open``.
    """

    def __init__(self, path: Path, connection: Any) -> None:
        self._path = path
        self._connection = connection
        self._depth = 0

    @classmethod
    def open(
        cls,
        path: Path,
        key: bytes | None,
        *,
        migrations: "Sequence[Migration]",
        durability: Durability = Durability.POWER_CUT,
    ) -> Self:
        """Return the database at ``path``, of the latest schema version; made, if there is none.

        Every open checks that the key fits and the first page is whole; pages read later are
        checked as they are read. After an unclean end (its write-ahead log is still there) all
        pages are read and checked first: some 0.01 s a megabyte.

        Args:
            path: the file; made for its owner alone to read.
            key: the data key, 32 bytes; None for a plain database, which only a test may want.
            migrations: element v takes a database from schema version v to v + 1: statements
                separated by semicolons, or a function of the database. Each is one transaction.
                Released ones never change; new ones are added at the end.
            durability: what a finished transaction outlives.

        Raises:
            StoreError: the file is not a database, opens with another key, is damaged, in use, of
                another program or of a newer version, or cannot be made or read.
        """
        if key is not None and len(key) != KEY_BYTES:
            raise ConfigurationError(f"the data key has {len(key)} bytes; give {KEY_BYTES}")
        unclean = _prepare_file(path, encrypted=key is not None)
        try:
            connection = sqlcipher.connect(
                path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlcipher.Error as error:
            raise _store_error(path, error) from error
        database = cls(path, connection)
        try:
            database._unlock(key)
            version = database._require_known(len(migrations))
            if unclean:
                database.check()
            database._configure(durability)
            database._migrate(migrations[version:], version)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._path

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; a transaction of its own outside of one.

        Raises:
            StoreError: it cannot be done; nothing of it is.
        """
        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(statement, values).fetchall()
        except sqlcipher.Error as error:
            raise _store_error(self._path, error) from error
        return rows

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of ``rows``, all in one transaction.

        Raises:
            StoreError: it cannot be done; nothing of it is.
        """
        with self.transaction():
            try:
                self._connection.executemany(statement, rows)
            except sqlcipher.Error as error:
                raise _store_error(self._path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the block one transaction: kept whole at its end, undone whole by an error.

        A transaction within another is undone alone by an error, and kept with the outer one.

        Raises:
            StoreError: it cannot be begun or kept.
        """
        level = self._depth
        self.execute(f"SAVEPOINT level_{level}" if level else "BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            self.execute(f"RELEASE level_{level}" if level else "COMMIT")
        except BaseException:
            self._undo(level)
            raise
        finally:
            self._depth = level

    def purge(self) -> None:
        """Leave nothing of what was deleted in the files: rebuild them and empty the log.

        Raises:
            StoreError: there is not the room to rebuild them; what is kept is as it was.
        """
        self.execute("VACUUM")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> None:
        """Read every page in use and check its HMAC and its structure.

        Raises:
            StoreError: one is damaged.
        """
        found = self.execute("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise StoreError(_damaged(self._path, str(found[0][0])))

    def close(self) -> None:
        """Fold the log into the database and release its files."""
        self._connection.close()

    def _unlock(self, key: bytes | None) -> None:
        self.execute("PRAGMA cipher_log_level = NONE")
        if key is not None:
            self.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        # One process has a device's folder, so the log's index can be in memory, not in a file.
        self.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlcipher.Error as error:
            if key is not None and _code(error) == _NOT_A_DATABASE:
                raise StoreError(
                    f"the store {self._path} does not open with its key: its first page is "
                    "damaged, or it is another database than the one the key was made for; "
                    "restore it from a backup"
                ) from error
            raise _store_error(self._path, error) from error

    def _require_known(self, latest: int) -> int:
        """Return the schema version, one of 0 to ``latest``."""
        ((version,),) = self.execute("PRAGMA user_version")
        ((application,),) = self.execute("PRAGMA application_id")
        ((tables,),) = self.execute("SELECT count(*) FROM sqlite_master")
        if application != APPLICATION_ID and (application or version or tables):
            raise StoreError(
                f"{self._path} is a database of another program; choose another folder"
            )
        if version > latest:
            raise StoreError(
                f"the store {self._path} has schema version {version}; this penchant reads "
                f"versions up to {latest}; use the penchant that wrote it, or a newer one"
            )
        return int(version)

    def _configure(self, durability: Durability) -> None:
        mode = "MEMORY" if durability is Durability.NOTHING else "WAL"
        for setting in (
            f"journal_mode = {mode}",
            f"synchronous = {durability.value}",
            "secure_delete = ON",
            "foreign_keys = ON",
            "temp_store = MEMORY",
        ):
            self.execute(f"PRAGMA {setting}")

    def _migrate(self, migrations: "Sequence[Migration]", version: int) -> None:
        for number, migration in enumerate(migrations, start=version + 1):
            with self.transaction():
                if isinstance(migration, str):
                    for statement in _statements(migration):
                        self.execute(statement)
                else:
                    migration(self)
                self.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self.execute(f"PRAGMA user_version = {number}")

    def _undo(self, level: int) -> None:
        """Undo the transaction at ``level``; a full disk may have undone it already."""
        if self._connection.in_transaction:
            if level:
                self.execute(f"ROLLBACK TO level_{level}")
                self.execute(f"RELEASE level_{level}")
            else:
                self.execute("ROLLBACK")


Migration = str | Callable[[Database], None]


def _prepare_file(path: Path, *, encrypted: bool) -> bool:
    """Make the file if it is not there; tell whether its last user did not close it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with path.open("rb") as file:
            plain = file.read(len(PLAIN_HEADER)) == PLAIN_HEADER
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error.strerror}") from error
    if encrypted and plain:
        raise StoreError(
            f"{path} is a database without encryption, of another program or an early penchant; "
            "choose another folder"
        )
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlcipher.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""


_FULL, _NOT_A_DATABASE = 13, 26
_REASONS = {
    5: "another process is using it; end that one, or choose another folder",
    6: "another process is using it; end that one, or choose another folder",
    8: "it is read-only; check its permissions and those of its folder",
    10: "the disk does not read or write it; check the disk and its free space",
    14: "it cannot be made or opened; check its folder and its permissions",
    _FULL: "the disk is full; make room and try again; what was kept before is there",
    _NOT_A_DATABASE: "it is not a database; choose another folder, or restore it from a backup",
}
_CORRUPT = 11


def _code(error: sqlcipher.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _damaged(path: Path, details: str) -> str:
    return f"the store {path} is damaged ({details}); restore it from a backup"


def _store_error(path: Path, error: sqlcipher.Error) -> StoreError:
    code = _code(error)
    if code == _CORRUPT:
        return StoreError(_damaged(path, str(error)))
    return StoreError(f"cannot use the store {path}: {_REASONS.get(code, str(error))}")
