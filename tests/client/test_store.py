"""The SQLite store: whole or not at all, and still there after reopening."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client import Event, EventKind
from penchant.client.store import SqliteStore, StoredEvent
from penchant.shared.errors import StoreError

ONE = StoredEvent(10, "view", "a", None, None)
TWO = StoredEvent(20, "search", None, "cold war thrillers", b"\x00\x01\x02\x03")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "behaviour.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A new, empty store."""
    with closing(SqliteStore(path)) as opened:
        yield opened


def save(store: SqliteStore, model: str, number: int, *, event_private: bool = False) -> None:
    """Keep a private vector that is its own round number."""
    store.save_private_vector(
        model, bytes([number]), round_number=number, event_private=event_private
    )


@pytest.mark.parametrize("durable", [True, False])
def test_a_reopened_store_has_everything(path: Path, durable: bool) -> None:
    """Events, interest state and private vectors outlive the process, durable or not."""
    with closing(SqliteStore(path, durable=durable)) as store:
        store.append([ONE, TWO], interest_state=b"state")
        save(store, "m", 3)
    with closing(SqliteStore(path, durable=durable)) as store:
        assert store.events() == [ONE, TWO]
        assert store.event_count() == 2
        assert store.interest_state() == b"state"
        assert store.private_vector("m") == b"\x03"


def test_a_new_store_is_empty(store: SqliteStore) -> None:
    """Before anything happens there are no events, no state and no vector."""
    assert store.events() == []
    assert store.event_count() == 0
    assert store.interest_state() is None
    assert store.private_vector("m") is None


def test_the_stored_form_keeps_all_of_an_event() -> None:
    """Time, kind, item and text are kept as they were observed."""
    event = Event(kind=EventKind.LIKE, item="a", text="b", time=7)
    assert StoredEvent.of(event, b"e") == StoredEvent(7, "like", "a", "b", b"e")


@given(times=st.lists(st.integers(0, 3), max_size=12))
def test_events_are_in_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, times: list[int]
) -> None:
    """Events come oldest first; ties in the order they were added, over several appends."""
    path = tmp_path_factory.mktemp("store") / "behaviour.sqlite"
    added = [StoredEvent(time, "view", str(place), None, None) for place, time in enumerate(times)]
    with closing(SqliteStore(path, durable=False)) as store:
        for start in range(0, len(added), 5):
            store.append(added[start : start + 5], interest_state=b"")
        assert store.events() == sorted(added, key=lambda event: event.time)


@pytest.mark.parametrize("bad", [object(), "lone surrogate \ud800"], ids=["object", "surrogate"])
def test_append_is_all_or_nothing(store: SqliteStore, bad: Any) -> None:
    """An event that cannot be stored takes those before it, and the interest state, with it."""
    store.append([ONE], interest_state=b"before")
    with pytest.raises((StoreError, UnicodeEncodeError)):
        store.append([TWO, StoredEvent(30, "view", bad, None, None)], interest_state=b"after")
    assert store.events() == [ONE]
    assert store.interest_state() == b"before"
    store.append([TWO], interest_state=b"after")
    assert store.events() == [ONE, TWO]


def test_a_full_disk_leaves_the_store_as_it_was(path: Path) -> None:
    """When the file cannot grow, append is a StoreError, and what was kept is still there."""
    with closing(SqliteStore(path)) as store:
        store.append([ONE], interest_state=b"before")
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        large = StoredEvent(20, "view", "b", "x" * 100_000, None)
        with pytest.raises(StoreError, match=r"cannot write to the store .* full"):
            store.append([TWO, large], interest_state=b"after")
        assert store.events() == [ONE]
    with closing(SqliteStore(path)) as store:
        assert store.events() == [ONE]
        assert store.interest_state() == b"before"


def test_a_store_that_cannot_be_written_is_an_error(store: SqliteStore) -> None:
    """A read-only store refuses to append with a StoreError and can still be read."""
    store.append([ONE], interest_state=b"before")
    store._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="cannot write to the store"):
        store.append([TWO], interest_state=b"after")
    with pytest.raises(StoreError, match="cannot write to the store"):
        save(store, "m", 1)
    assert store.events() == [ONE]
    assert store.interest_state() == b"before"


def test_a_store_in_use_elsewhere_is_an_error(path: Path, store: SqliteStore) -> None:
    """While another process holds the file, append is a StoreError, and works afterwards."""
    store._connection.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.append([ONE], interest_state=b"state")
        other.execute("ROLLBACK")
    store.append([ONE], interest_state=b"state")
    assert store.events() == [ONE]


def test_another_schema_version_is_refused(path: Path) -> None:
    """A store of a later penchant is a StoreError that names both versions, and stays as it is."""
    with closing(SqliteStore(path)) as store:
        store.append([ONE], interest_state=b"state")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"schema version 7; this penchant reads version 1"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    """A file that is no SQLite database is a StoreError, and is not overwritten."""
    content = b"a diary, not a database. " * 100
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    """A database that holds something else is a StoreError, and nothing is added to it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE note (content TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """A folder that does not exist, or a folder in the file's place, is a StoreError."""
    with pytest.raises(StoreError, match="cannot open the store"):
        SqliteStore(tmp_path / "missing" / "behaviour.sqlite")
    with pytest.raises(StoreError, match="cannot"):
        SqliteStore(tmp_path)


def test_a_damaged_store_is_an_error(path: Path) -> None:
    """Damage found while reading is a StoreError like any other, not SQLite's own."""
    with closing(SqliteStore(path)) as store:
        store.append([ONE] * 500, interest_state=b"state")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with (
        closing(SqliteStore(path)) as store,
        pytest.raises(StoreError, match="cannot read the store"),
    ):
        store.events()


def test_only_the_owner_can_read_the_file(store: SqliteStore, path: Path) -> None:
    """The file is closed to others even in a folder that is not."""
    store.append([ONE], interest_state=b"state")
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_two_rounds_are_kept(store: SqliteStore) -> None:
    """The latest round's private vector and the one it started from are kept, no more."""
    for number in (1, 2, 5, 9):
        save(store, "m", number)
    assert store.private_vector("m") == b"\x09"
    assert store.private_vector("m", before=9) == b"\x05"
    assert store.private_vector("m", before=5) is None
    (count,) = store._connection.execute("SELECT count(*) FROM private_vector").fetchone()
    assert count == 2


def test_a_round_done_again_replaces_what_it_left(store: SqliteStore) -> None:
    """Saving a round again drops it and what came after; where it started from stays."""
    for number in (1, 2, 3):
        save(store, "m", number)
    store.save_private_vector("m", b"again", round_number=3, event_private=False)
    assert store.private_vector("m") == b"again"
    assert store.private_vector("m", before=3) == b"\x02"


def test_rankers_have_vectors_of_their_own(store: SqliteStore) -> None:
    """A private vector belongs to one ranker; saving for another does not touch it."""
    save(store, "m", 3)
    save(store, "other", 1)
    save(store, "other", 8)
    assert store.private_vector("m") == b"\x03"
    assert store.private_vector("another") is None


def test_vectors_of_event_private_rounds_can_be_told(store: SqliteStore) -> None:
    """What a round without noise left is never given out as an event-private vector."""
    save(store, "m", 1, event_private=True)
    save(store, "m", 2)
    assert store.private_vector("m") == b"\x02"
    assert store.private_vector("m", event_private=True) == b"\x01"
    save(store, "m", 3)
    assert store.private_vector("m", event_private=True) is None


@given(times=st.lists(st.integers(0, 3), max_size=8), count=st.integers(0, 9))
def test_the_latest_events_are_the_last_of_all(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], count: int
) -> None:
    """The latest events are the end of the list of all, ties in time included."""
    path = tmp_path_factory.mktemp("store") / "behaviour.sqlite"
    with closing(SqliteStore(path, durable=False)) as store:
        kept = [StoredEvent(time, "view", str(n % 3), None, None) for n, time in enumerate(times)]
        store.append(kept, interest_state=b"state")
        assert store.latest_events(count) == store.events()[max(0, len(times) - count) :]
        assert sorted(store.items()) == sorted({str(n % 3) for n in range(len(times))})


def test_texts_are_no_items(store: SqliteStore) -> None:
    """An event without an item adds none."""
    store.append([ONE, TWO], interest_state=b"state")
    assert store.items() == ["a"]
