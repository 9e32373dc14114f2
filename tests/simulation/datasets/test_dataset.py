"""Tests of the data set: what it holds, and that malformed events are refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets import Dataset, soundness
from penchant.simulation.datasets.numbered import Numbered

Events = list[tuple[int, int, int]]
events_of_three = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 6)), max_size=40
)


def dataset_of(events: Events) -> Dataset:
    """Three people and five items, with the given (person, item, time) events."""
    people, items, times = zip(*events, strict=True) if events else ((), (), ())
    return Dataset.from_events(
        "small",
        item_ids=list("vwxyz"),
        item_texts=["five", "films", "of", "some", "kind"],
        person_ids=["ann", "bob", "cyd"],
        people=people,
        items=items,
        times=times,
    )


@given(events_of_three)
def test_history_is_in_order_of_time_and_then_of_the_source(events: Events) -> None:
    """A person's events come by time; those of the same second keep the order given."""
    dataset = dataset_of(events)
    for person in range(3):
        expected = sorted((e for e in events if e[0] == person), key=lambda event: event[2])
        items, times = dataset.history(person)
        assert items.tolist() == [item for _, item, _ in expected]
        assert times.tolist() == [time for _, _, time in expected]


@given(events_of_three)
def test_no_event_is_lost(events: Events) -> None:
    """Sorting keeps every event, with its person."""
    dataset = dataset_of(events)
    kept = zip(dataset.people.tolist(), dataset.items.tolist(), dataset.times.tolist(), strict=True)
    assert sorted(kept) == sorted(events)
    assert dataset.n_events == len(events)


@given(events_of_three, st.integers(1, 3))
def test_head_keeps_the_first_people_and_the_whole_catalogue(events: Events, people: int) -> None:
    """``head(n)`` is the first n people with all their events; which items exist is public."""
    dataset = dataset_of(events)
    head = dataset.head(people)
    assert head.person_ids == dataset.person_ids[:people]
    assert head.item_ids == dataset.item_ids
    for person in range(people):
        assert [a.tolist() for a in head.history(person)] == [
            a.tolist() for a in dataset.history(person)
        ]


@given(events_of_three, st.integers(1, 5))
def test_checks_in_parts_find_what_checks_of_the_whole_find(events: Events, at_once: int) -> None:
    """Wherever the cuts are: good events pass, and a swap of two times of a person does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundness, "_CHECKED_AT_ONCE", at_once)
        dataset = dataset_of(events)
        rising = (np.diff(dataset.times) > 0) & (np.diff(dataset.people) == 0)
        for event in np.flatnonzero(rising).tolist():
            swapped = dataset.times.copy()
            swapped[[event, event + 1]] = swapped[[event + 1, event]]
            name = dataset.person_ids[dataset.people[event]]
            with pytest.raises(DataError, match=f"'{name}' in 'small' are not in order"):
                replace(dataset, times=swapped)
        for event in range(dataset.n_events):
            foreign = dataset.items.copy()
            foreign[event] = 9
            with pytest.raises(DataError, match=f"event {event} names item 9"):
                replace(dataset, items=foreign)


def test_numbered_people_stay_numbered() -> None:
    """A million people need no million strings, in the data set nor in its head."""
    dataset = Dataset.from_events(
        "many", item_ids=["a"], item_texts=["A"], person_ids=Numbered(1_000_000), people=[999_999],
        items=[0], times=[1],
    )  # fmt: skip
    assert dataset.person_ids == Numbered(1_000_000)
    assert dataset.head(5).person_ids == Numbered(5)
    assert dataset.history(999_999)[0].tolist() == [0]


@pytest.mark.parametrize("people", [0, -1, 4])
def test_head_of_an_impossible_number_says_how_many_there_are(people: int) -> None:
    """Asking for no people, or for more than there are, is an error with both numbers."""
    with pytest.raises(ConfigurationError, match=f"has 3 people; got {people}"):
        dataset_of([]).head(people)


@pytest.mark.parametrize("person", [-1, 3])
def test_history_of_nobody_is_an_error(person: int) -> None:
    """A negative index does not silently give the last person."""
    with pytest.raises(DataError, match=f"people 0 to 2; got {person}"):
        dataset_of([]).history(person)


@pytest.mark.parametrize(
    ("event", "message"),
    [((3, 0, 0), "person 3"), ((0, 5, 0), "item 5"), ((-1, 0, 0), "person -1")],
)
def test_event_outside_the_tables_is_an_error(event: tuple[int, int, int], message: str) -> None:
    """An event of an unknown person or item names it."""
    with pytest.raises(DataError, match=message):
        dataset_of([event])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"item_ids": ("v", "v", "x", "y", "z")}, "'v' occurs more than once"),
        ({"person_ids": ()}, "at least one person"),
        ({"item_texts": ("one",)}, "5 items but 1 item texts"),
        ({"offsets": np.array([0, 2, 3])}, "3 people need 4 offsets; got 3"),
        ({"offsets": np.array([0, 3, 2, 3])}, "offsets must rise"),
        ({"offsets": np.array([0, 1, 2, 4])}, "number of events, 3; got 0 to 4"),
        ({"times": np.array([1])}, "3 event items but 1 event times"),
        ({"times": np.array([2, 1, 5])}, "'ann' in 'small' are not in order"),
        ({"items": np.array([0, 1, 2])}, "one-dimensional int32"),
        ({"items": np.array([0, 1, 9], dtype=np.int32)}, "event 2 names item 9"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    """Every inconsistency is a DataError that says what is wrong."""
    dataset = dataset_of([(0, 0, 1), (0, 1, 2), (1, 2, 0)])
    with pytest.raises(DataError, match=message):
        replace(dataset, **changes)  # type: ignore[arg-type]


def test_events_of_unequal_lengths_are_refused() -> None:
    """One person, item and time an event."""
    with pytest.raises(DataError, match="one person, item and time each"):
        Dataset.from_events(
            "small", item_ids=["v"], item_texts=["five"], person_ids=["ann"],
            people=[0, 0], items=[0], times=[1],
        )  # fmt: skip


def test_arrays_cannot_be_changed() -> None:
    """A data set is shared by everything in a run, so nothing may write to it."""
    dataset = dataset_of([(0, 0, 1)])
    with pytest.raises(ValueError, match="read-only"):
        dataset.items[0] = 1
