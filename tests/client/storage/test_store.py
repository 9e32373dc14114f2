"""The store of a device: whole or not at all, and still there after reopening."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.client import Event, EventKind
from penchant.client.storage import (
    DeviceFolder,
    Durability,
    RawKey,
    SqliteStore,
    StoredEvent,
    TrainedRound,
)
from penchant.shared.errors import StoreError

OpenStore = Callable[..., SqliteStore]
ONE = StoredEvent(10, "view", "a", None, None)
TWO = StoredEvent(20, "search", None, "cold war thrillers", b"\x00\x01\x02\x03", "en")


def at(time: int, item: str | None = "a") -> StoredEvent:
    """A view of an item."""
    return StoredEvent(time, "view", item, None, None)


def save(store: SqliteStore, model: str, number: int, *, event_private: bool = False) -> None:
    """Keep a private vector that is its own round number."""
    store.save_private_vector(
        model, bytes([number]), round_number=number, event_private=event_private
    )


def trained(number: int, *, model: str = "m", watermark: int = 0) -> TrainedRound:
    """The record of a round."""
    return TrainedRound(model, number, False, b"task", b"seed", watermark)


@pytest.mark.parametrize("durability", list(Durability))
def test_a_reopened_store_has_everything(open_store: OpenStore, durability: Durability) -> None:
    """Events, values, private vectors and rounds outlive the process, at every durability."""
    store = open_store(durability=durability)
    assert store.append([ONE, TWO], interest_state=b"state") == [1, 2]
    store.save_value("edits", b"none")
    save(store, "m", 3)
    store.save_trained_round(trained(3, watermark=2))
    store = open_store(durability=durability)
    assert store.events() == [ONE, TWO]
    assert [event.id for event in store.events()] == [1, 2]
    assert store.event_count() == 2
    assert store.interest_state() == b"state"
    assert store.value("edits") == b"none"
    assert store.private_vector("m") == b"\x03"
    assert store.trained_rounds() == [trained(3, watermark=2)]


def test_embeddings_are_kept_where_there_are_none(store: SqliteStore) -> None:
    """Of every event on the item, and none that an event has of its own is replaced."""
    own = StoredEvent(30, "view", "a", "a text", b"\x09\x09\x09\x09")
    store.append([ONE, own, TWO, at(40), at(50, "b")], interest_state=b"state")
    store.save_embeddings({"a": b"\x01\x02\x03\x04", "absent": b""})
    assert [event.embedding for event in store.events()] == [
        b"\x01\x02\x03\x04",
        TWO.embedding,
        own.embedding,
        b"\x01\x02\x03\x04",
        None,
    ]


def test_a_new_store_is_empty(store: SqliteStore) -> None:
    """Before anything happens there are no events, no state, no vector and no round."""
    assert store.events() == []
    assert store.event_count() == 0
    assert store.last_event_id() == 0
    assert store.event_ids() == []
    assert store.interest_state() is None
    assert store.private_vector("m") is None
    assert store.trained_rounds() == []


def test_the_stored_form_keeps_all_of_an_event() -> None:
    """Time, kind, item and text are kept as they were observed."""
    event = Event(kind=EventKind.LIKE, item="a", text="b", time=7)
    assert StoredEvent.of(event, b"e") == StoredEvent(7, "like", "a", "b", b"e")


@settings(max_examples=40)
@given(times=st.lists(st.integers(0, 3), max_size=12), count=st.integers(0, 14))
def test_events_are_in_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], count: int
) -> None:
    """Events come oldest first; ties in the order they were added, over several appends."""
    added = [at(time, str(place)) for place, time in enumerate(times)]
    folder = DeviceFolder(tmp_path_factory.mktemp("store"), RawKey(bytes(32)))
    with closing(folder):
        store = SqliteStore(folder, durability=Durability.NOTHING)
        for start in range(0, len(added), 5):
            store.append(added[start : start + 5], interest_state=b"")
        ordered = sorted(added, key=lambda event: event.time)
        assert store.events() == ordered
        assert store.latest_events(count) == ordered[max(0, len(ordered) - count) :]
        assert store.events_between(1, 2) == [event for event in ordered if 1 <= event.time <= 2]


@pytest.mark.parametrize("bad", [object(), "lone surrogate \ud800"], ids=["object", "surrogate"])
def test_append_is_all_or_nothing(store: SqliteStore, bad: Any) -> None:
    """An event that cannot be stored takes those before it, and the interest state, with it."""
    store.append([ONE], interest_state=b"before")
    with pytest.raises((StoreError, UnicodeEncodeError)):
        store.append([TWO, at(30, bad)], interest_state=b"after")
    assert store.events() == [ONE]
    assert store.interest_state() == b"before"
    assert store.append([TWO], interest_state=b"after") == [2]
    assert store.events() == [ONE, TWO]


def test_calls_in_a_transaction_are_one(store: SqliteStore) -> None:
    """What is done in a transaction is undone together."""

    def change_and_fail() -> None:
        with store.transaction():
            store.delete([1])
            store.save_value("interest_state", b"after")
            save(store, "m", 1)
            store.save_trained_round(trained(1))
            raise ZeroDivisionError

    store.append([ONE], interest_state=b"before")
    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert store.events() == [ONE]
    assert store.interest_state() == b"before"
    assert store.private_vector("m") is None
    assert store.trained_rounds() == []


def test_events_are_found_by_item_and_age(store: SqliteStore) -> None:
    """Ids can be asked for by item, by time and by how many are later, and together."""
    store.append([at(30), at(10, "b"), at(20), at(10), at(40, None)], interest_state=b"")
    assert store.event_ids() == [2, 4, 3, 1, 5]
    assert store.event_ids(item="a") == [4, 3, 1]
    assert store.event_ids(before=20) == [2, 4]
    assert store.event_ids(beyond=2) == [2, 4, 3]
    assert store.event_ids(beyond=0) == [2, 4, 3, 1, 5]
    assert store.event_ids(item="a", before=30, beyond=3) == [4]


def test_deleted_events_are_gone_and_their_ids_are_not_given_again(store: SqliteStore) -> None:
    """Deletion counts what was there; new events get new ids, so that watermarks stay true."""
    store.append([at(1), at(2), at(3)], interest_state=b"")
    assert store.delete([2, 3, 99]) == 2
    assert store.delete([2, 3]) == 0
    store.purge()
    assert [event.id for event in store.events()] == [1]
    assert store.last_event_id() == 3
    assert store.append([at(4)], interest_state=b"") == [4]


def test_a_purge_cut_short_is_done_by_opening(open_store: OpenStore, tmp_path: Path) -> None:
    """If the process ends between deletion and purge, the next opening rebuilds the file."""
    store = open_store()
    store.append(
        [StoredEvent(n, "search", None, "x" * 500, None) for n in range(500)], interest_state=b""
    )
    store.delete(range(1, 500))
    store.close()
    large = (tmp_path / "device" / "behaviour.sqlite").stat().st_size
    store = open_store()
    store.close()
    assert (tmp_path / "device" / "behaviour.sqlite").stat().st_size < large / 4


def test_values_are_kept_by_name(store: SqliteStore) -> None:
    """A value replaces the one of its name, and None takes it away."""
    store.save_value("a", b"1")
    store.save_value("b", b"2")
    store.save_value("a", b"3")
    assert (store.value("a"), store.value("b")) == (b"3", b"2")
    store.save_value("a", None)
    assert (store.value("a"), store.value("b")) == (None, b"2")


def test_two_rounds_are_kept(store: SqliteStore) -> None:
    """The latest round's private vector and the one it started from are kept, no more."""
    for number in (1, 2, 5, 9):
        save(store, "m", number)
    assert store.private_vector("m") == b"\x09"
    assert store.private_vector("m", before=9) == b"\x05"
    assert store.private_vector("m", before=5) is None
    assert store.latest_round("m") == 9


def test_a_round_done_again_replaces_what_it_left(store: SqliteStore) -> None:
    """Saving a round again drops it and what came after; where it started from stays."""
    for number in (1, 2, 3):
        save(store, "m", number)
        store.save_trained_round(trained(number))
    store.save_private_vector("m", b"again", round_number=3, event_private=False)
    store.save_trained_round(trained(2, watermark=9))
    assert store.private_vector("m") == b"again"
    assert store.private_vector("m", before=3) == b"\x02"
    assert store.trained_rounds("m") == [trained(1), trained(2, watermark=9)]


def test_rankers_have_vectors_and_rounds_of_their_own(store: SqliteStore) -> None:
    """What is kept for one ranker is not touched by another's."""
    for model, number in (("m", 3), ("other", 1), ("other", 8)):
        save(store, model, number)
        store.save_trained_round(trained(number, model=model))
    assert store.private_vector("m") == b"\x03"
    assert store.private_vector("another") is None
    assert store.trained_rounds("m") == [trained(3)]
    store.delete_private_vectors("other")
    store.delete_trained_rounds("other")
    assert store.private_vector("m") == b"\x03"
    assert store.private_vector("other") is None
    assert store.trained_rounds() == [trained(3)]
    store.delete_private_vectors()
    store.delete_trained_rounds()
    assert store.private_vector("m") is None
    assert store.trained_rounds() == []


def test_vectors_of_event_private_rounds_can_be_told(store: SqliteStore) -> None:
    """What a round without noise left is never given out as an event-private vector."""
    save(store, "m", 1, event_private=True)
    save(store, "m", 2)
    assert store.private_vector("m") == b"\x02"
    assert store.private_vector("m", event_private=True) == b"\x01"
    save(store, "m", 3)
    assert store.private_vector("m", event_private=True) is None
