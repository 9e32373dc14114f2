"""Tests of leave-one-out by time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.simulation import split as split_module
from penchant.simulation.datasets import Dataset
from penchant.simulation.datasets.storage import ArrayFiles, mapped
from penchant.simulation.split import NOTHING, LeaveOneOut, leave_one_out

N_PEOPLE, N_ITEMS = 4, 6

Events = list[tuple[int, int, int]]
event_lists = st.lists(
    st.tuples(st.integers(0, N_PEOPLE - 1), st.integers(0, N_ITEMS - 1), st.integers(0, 9)),
    max_size=50,
)


def dataset_of(events: Events) -> Dataset:
    """A few people and items with the given (person, item, time) events."""
    people, items, times = zip(*events, strict=True) if events else ((), (), ())
    return Dataset.from_events(
        "small",
        item_ids=[f"item {i}" for i in range(N_ITEMS)],
        item_texts=[f"text {i}" for i in range(N_ITEMS)],
        person_ids=[f"person {i}" for i in range(N_PEOPLE)],
        people=people,
        items=items,
        times=times,
    )


def first_meetings(events: Events, person: int) -> list[tuple[int, int]]:
    """The rule in plain Python: a person's (item, time) by time, first of each item only."""
    own = sorted((event for event in events if event[0] == person), key=lambda event: event[2])
    firsts: dict[int, int] = {}
    for _, item, time in own:
        firsts.setdefault(item, time)
    return list(firsts.items())


@given(event_lists)
def test_last_is_test_and_second_last_is_validation(events: Events) -> None:
    """The split is the stated rule, for every person, whatever the ties and repeats."""
    split = leave_one_out(dataset_of(events))
    kept = 0
    for person in range(N_PEOPLE):
        expected = first_meetings(events, person)
        kept += len(expected)
        items, times = split.training.history(person)
        training = list(zip(items.tolist(), times.tolist(), strict=True))
        validation = (split.validation_items[person], split.validation_times[person])
        test = (split.test_items[person], split.test_times[person])
        if len(expected) < 3:
            assert training == expected
            assert validation[0] == test[0] == NOTHING
        else:
            assert [*training, validation, test] == expected
    assert split.n_repeats == len(events) - kept


@given(event_lists)
def test_held_out_item_is_not_among_what_was_observed(events: Events) -> None:
    """What is to be predicted is never in the person's history, at either stage."""
    split = leave_one_out(dataset_of(events))
    for person in split.people.tolist():
        for stage in ("validation", "test"):
            items, _ = split.history(person, stage=stage)
            assert split.targets(stage)[person] not in items


@given(event_lists)
def test_observed_marks_the_history(events: Events) -> None:
    """The mask of observed items says the same as the history, for everybody at once."""
    split = leave_one_out(dataset_of(events))
    everybody = np.arange(N_PEOPLE)[::-1]
    for stage in ("validation", "test"):
        mask = split.observed(everybody, stage=stage)
        for row, person in zip(mask, everybody.tolist(), strict=True):
            items, times = split.history(person, stage=stage)
            assert np.flatnonzero(row).tolist() == sorted(items.tolist())
            assert (np.diff(times) >= 0).all()


def test_people_with_too_few_events_are_counted() -> None:
    """Two events are too few, three are enough."""
    split = leave_one_out(dataset_of([(0, 0, 1), (0, 1, 2), (1, 0, 1), (1, 1, 2), (1, 2, 3)]))
    assert split.people.tolist() == [1]
    assert split.n_training_only == 3


def test_ties_keep_the_order_of_the_source() -> None:
    """Of events in the same second, the one later in the file is the later one."""
    split = leave_one_out(dataset_of([(0, 4, 5), (0, 1, 5), (0, 3, 5), (0, 2, 5)]))
    assert split.validation_items[0] == 3
    assert split.test_items[0] == 2


def same(first: LeaveOneOut, second: LeaveOneOut) -> bool:
    """Whether two splits agree in everything."""
    return first.n_repeats == second.n_repeats and all(
        np.array_equal(one, other)
        for one, other in (
            (first.people, second.people),
            (first.training.offsets, second.training.offsets),
            (first.training.items, second.training.items),
            (first.training.times, second.training.times),
            (first.validation_items, second.validation_items),
            (first.validation_times, second.validation_times),
            (first.test_items, second.test_items),
            (first.test_times, second.test_times),
        )
    )


@given(event_lists, st.integers(1, 9), st.integers(1, 5))
def test_parts_do_not_change_the_split(events: Events, at_once: int, people: int) -> None:
    """However many events or people are split at once, the result is that of all together."""
    whole = leave_one_out(dataset_of(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_module, "_EVENTS_AT_ONCE", at_once)
        patch.setattr(split_module, "_PEOPLE_AT_ONCE", people)
        parts = leave_one_out(dataset_of(events))
    assert same(whole, parts)


def mapped_copy(dataset: Dataset, folder: Path) -> Dataset:
    """The same data set, mapped from files."""
    arrays = {name: getattr(dataset, name) for name in ("offsets", "items", "times")}
    with ArrayFiles(folder, {name: (array.dtype, ()) for name, array in arrays.items()}) as files:
        files.append(**arrays)
    return replace(
        dataset,
        offsets=mapped(folder, "offsets"),
        items=mapped(folder, "items"),
        times=mapped(folder, "times"),
        folder=folder,
    )


@given(event_lists)
def test_mapped_data_set_is_split_alike(
    tmp_path_factory: pytest.TempPathFactory, events: Events
) -> None:
    """Its split is kept beside it, found again, and mapped; of a head of it as well."""
    dataset = dataset_of(events)
    on_disk = mapped_copy(dataset, tmp_path_factory.mktemp("population"))
    for _ in range(2):
        assert same(leave_one_out(on_disk), leave_one_out(dataset))
        assert same(leave_one_out(on_disk.head(2)), leave_one_out(dataset.head(2)))
    training = leave_one_out(on_disk).training
    assert training.folder is not None
    assert training.folder.parent == on_disk.folder
    assert same(leave_one_out(training), leave_one_out(leave_one_out(dataset).training))


def test_some_people_can_be_chosen_for_evaluation() -> None:
    """Only who is evaluated changes; somebody without held-out items cannot be."""
    split = leave_one_out(dataset_of([(p, i, i) for p in (0, 2, 3) for i in range(4)]))
    some = split.of_people(np.array([2, 3]))
    assert some.people.tolist() == [2, 3]
    assert some.n_training_only == split.n_training_only == 1
    assert some.training is split.training
    with pytest.raises(DataError, match="person 1 of 'small' has no held-out items"):
        split.of_people(np.array([0, 1]))
