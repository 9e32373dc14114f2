"""Databases: whole or not at all, encrypted, and every misfortune told in its own words."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.client.storage import Database, Durability, Migration
from penchant.shared.errors import ConfigurationError, StoreError

KEY = bytes(range(32))
MIGRATIONS: tuple[Migration, ...] = (
    "CREATE TABLE note (id INTEGER PRIMARY KEY, content BLOB NOT NULL);"
    "CREATE TABLE mark (note INTEGER NOT NULL REFERENCES note (id));",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "notes.sqlite"


def open_notes(
    path: Path,
    *,
    key: bytes | None = KEY,
    durability: Durability = Durability.KILL,
    migrations: tuple[Migration, ...] = MIGRATIONS,
) -> "closing[Database]":
    """Open a database of notes for a ``with`` statement."""
    return closing(Database.open(path, key, migrations=migrations, durability=durability))


def add(database: Database, *contents: object) -> None:
    """Write notes, all or none."""
    database.execute_many("INSERT INTO note (content) VALUES (?)", ((c,) for c in contents))


def notes(database: Database) -> list[object]:
    """Return the contents of all notes."""
    return [content for (content,) in database.execute("SELECT content FROM note ORDER BY id")]


@pytest.mark.parametrize("durability", list(Durability))
@settings(max_examples=25)
@given(batches=st.lists(st.lists(st.binary() | st.text(st.characters(codec="utf-8"))), max_size=4))
def test_what_was_written_is_there(
    tmp_path_factory: pytest.TempPathFactory,
    durability: Durability,
    batches: list[list[bytes | str]],
) -> None:
    """Whatever is written is read again, here and after reopening, at every durability."""
    path = tmp_path_factory.mktemp("database") / "notes.sqlite"
    written: list[object] = []
    for batch in batches:
        with open_notes(path, durability=durability) as database:
            add(database, *batch)
            written += batch
            assert notes(database) == written
    with open_notes(path, durability=durability) as database:
        assert notes(database) == written


def test_only_the_owner_can_read_the_files(path: Path) -> None:
    """Database and log are closed to others even in a folder that is not, and look random."""
    with open_notes(path) as database:
        add(database, "a secret note")
        files = list(path.parent.iterdir())
        assert len(files) >= 2
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert b"secret" not in file.read_bytes()
            assert b"SQLite" not in file.read_bytes()


def test_a_transaction_is_kept_whole_or_not_at_all(path: Path) -> None:
    """An error in the block undoes all of it; one in a block within undoes that alone."""

    def fail(database: Database) -> None:
        with database.transaction():
            add(database, "lost")
            add(database, "lost too", None)

    with open_notes(path) as database:
        with pytest.raises(StoreError, match="NOT NULL"):
            fail(database)
        assert notes(database) == []
        with database.transaction():
            add(database, "first")
            with pytest.raises(StoreError, match="NOT NULL"):
                fail(database)
            add(database, "second")
        assert notes(database) == ["first", "second"]


def test_foreign_keys_hold(path: Path) -> None:
    """A row that refers to nothing is refused."""
    with open_notes(path) as database, pytest.raises(StoreError, match="FOREIGN KEY"):
        database.execute("INSERT INTO mark VALUES (7)")


def test_the_wrong_key_is_told(path: Path) -> None:
    """Another key opens nothing and changes nothing; one of another length is refused at once."""
    with open_notes(path) as database:
        add(database, "kept")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="does not open with its key"):
        Database.open(path, bytes(32), migrations=MIGRATIONS)
    with pytest.raises(ConfigurationError, match="31 bytes; give 32"):
        Database.open(path, bytes(31), migrations=MIGRATIONS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", [KEY, None], ids=["encrypted", "plain"])
def test_a_newer_schema_is_refused(path: Path, key: bytes | None) -> None:
    """A database of a newer penchant is an error that names both versions, and stays as it is."""
    newer = (*MIGRATIONS, "CREATE TABLE later (a)", "CREATE TABLE latest (a)")
    with open_notes(path, key=key, migrations=newer) as database:
        add(database, "kept")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema version 3; this penchant reads versions up to 1"):
        Database.open(path, key, migrations=MIGRATIONS)
    assert path.read_bytes() == before


def test_migrations_are_applied_once_each(path: Path) -> None:
    """An older database is taken through the steps it lacks, statements or functions."""
    with open_notes(path) as database:
        add(database, "old")

    def shout(database: Database) -> None:
        database.execute("UPDATE note SET content = upper(content) || '!'")

    extended = (*MIGRATIONS, shout)
    for _ in range(2):
        with open_notes(path, migrations=extended) as database:
            assert notes(database) == ["OLD!"]


def test_a_migration_that_fails_leaves_the_version_before(path: Path) -> None:
    """Of a step that fails nothing stays, and the database opens as it was."""
    with open_notes(path) as database:
        add(database, "old")
    broken = (*MIGRATIONS, "DELETE FROM note; CREATE TABLE note (again)")
    with pytest.raises(StoreError, match="already exists"):
        Database.open(path, KEY, migrations=broken)
    with open_notes(path) as database:
        assert notes(database) == ["old"]


def test_a_migration_may_hold_a_trigger(path: Path) -> None:
    """Semicolons inside a statement do not end it."""
    trigger = (
        "CREATE TRIGGER twice AFTER INSERT ON note BEGIN SELECT 1; DELETE FROM mark; END;"
        "CREATE TABLE after_it (a)"
    )
    with open_notes(path, migrations=(*MIGRATIONS, trigger)) as database:
        assert database.execute("SELECT * FROM after_it") == []


def test_databases_of_other_programs_are_refused(path: Path) -> None:
    """A plain database, or one under the same key that is not penchant's, is left alone."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE diary (content TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="without encryption"):
        Database.open(path, KEY, migrations=MIGRATIONS)
    with pytest.raises(StoreError, match="of another program"):
        Database.open(path, None, migrations=MIGRATIONS)
    assert path.read_bytes() == before
    path.unlink()
    from sqlcipher3 import dbapi2

    with closing(dbapi2.connect(path)) as connection:
        connection.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
        connection.execute("CREATE TABLE diary (content TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="of another program"):
        Database.open(path, KEY, migrations=MIGRATIONS)
    assert path.read_bytes() == before


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    """A file that is no database, and a folder, are told and left as they are."""
    content = b"a diary, not a database. " * 400
    path.write_bytes(content)
    with pytest.raises(StoreError, match="does not open with its key"):
        Database.open(path, KEY, migrations=MIGRATIONS)
    with pytest.raises(StoreError, match="it is not a database"):
        Database.open(path, None, migrations=MIGRATIONS)
    assert path.read_bytes() == content
    for wrong in (tmp_path, tmp_path / "missing" / "notes.sqlite"):
        with pytest.raises(StoreError, match="cannot open the store"):
            Database.open(wrong, KEY, migrations=MIGRATIONS)


@settings(max_examples=60)
@given(data=st.data())
def test_any_flipped_bit_is_an_error_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Wherever a bit flips, opening and reading give an error or exactly what was written."""
    path = tmp_path_factory.mktemp("database") / "notes.sqlite"
    written = [bytes([n]) * 300 for n in range(60)]
    with open_notes(path, durability=Durability.NOTHING) as database:
        add(database, *written)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with (
        pytest.raises(StoreError, match=r"does not open with its key|is damaged"),
        open_notes(path) as database,
    ):
        database.check()


def test_a_database_in_use_is_told(path: Path) -> None:
    """A second user of the file is told of the first, and gets it afterwards."""
    with open_notes(path) as database:
        add(database, "kept")
        with pytest.raises(StoreError, match="another process is using it"):
            Database.open(path, KEY, migrations=MIGRATIONS)
    with open_notes(path) as database:
        assert notes(database) == ["kept"]


def test_a_read_only_database_is_told(path: Path) -> None:
    """A database that may not be written says so, and can still be read."""
    with open_notes(path) as database:
        add(database, "kept")
        database.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="it is read-only; check its permissions"):
            add(database, "refused")
        assert notes(database) == ["kept"]


def test_deleted_rows_leave_the_raw_file(path: Path) -> None:
    """In a plain database with the same settings, no byte of a deleted note is left.

    What encryption would hide is looked at without it: every note is findable before, none of
    the deleted ones after, in the database or its log, whatever was moved between pages.
    """
    marks = [f"note-{n:04d}-".encode() * 5 for n in range(400)]

    def found() -> set[bytes]:
        raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
        return {mark for mark in marks if mark[:10] in raw}

    with open_notes(path, key=None) as database:
        for start in range(0, 400, 7):
            add(database, *marks[start : start + 7])
        assert found() == set(marks)
        database.execute("DELETE FROM note WHERE id % 3 = 0")
        database.purge()
        assert found() == {mark for n, mark in enumerate(marks, start=1) if n % 3}
    assert found() == {mark for n, mark in enumerate(marks, start=1) if n % 3}
