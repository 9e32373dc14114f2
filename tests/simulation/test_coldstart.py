"""New people and unseen items: what is kept from training is kept wholly."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from penchant.shared.errors import DataError
from penchant.simulation.coldstart import GROUPS, ColdStart, cold_start
from penchant.simulation.datasets import Dataset
from penchant.simulation.world import World


@pytest.fixture(scope="module")
def whole(world: Callable[..., World]) -> Dataset:
    """Forty people, 160 items, 14 events each."""
    return world().dataset


@pytest.fixture(scope="module")
def start(whole: Dataset) -> ColdStart:
    """Its cold start."""
    return cold_start(whole, rng=np.random.default_rng(0))


def test_a_tenth_is_kept_from_training(whole: Dataset, start: ColdStart) -> None:
    """Of people and items alike, and the first of the others are those that train."""
    training = start.training.training
    assert (training.n_people, training.n_items) == (36, 144) == (36, start.known_items)
    over_all = start.learnt_from.training
    assert over_all.n_items == whole.n_items
    np.testing.assert_array_equal(over_all.items, training.items)
    for group in start.groups.values():
        assert group.training.n_people == whole.n_people
        assert tuple(group.training.person_ids[:36]) == tuple(training.person_ids)
        assert group.training.item_ids[:144] == training.item_ids


def test_no_test_is_ever_trained_on(start: ColdStart) -> None:
    """Whatever is held out in a group comes after, and is not among, what is trained on."""
    for name, (is_new, is_unseen) in GROUPS.items():
        group = start.groups[name]
        assert ((group.people >= 36) == is_new).all()
        assert ((group.test_items[group.people] >= start.known_items) == is_unseen).all()
        for person in group.people:
            history, times = group.history(int(person), stage="test")
            assert group.test_items[person] not in history
            assert times.max() <= group.test_times[person]
            if not is_new:
                trained, when = start.training.training.history(int(person))
                assert group.test_items[person] not in trained
                assert when.max() <= group.test_times[person]
                assert start.training.validation_items[person] != group.test_items[person]


def test_devices_know_what_was_before_the_test(whole: Dataset, start: ColdStart) -> None:
    """At a test the history is all of the person's earlier events, unseen items included."""
    for group in start.groups.values():
        for person in group.people[:5]:
            original = whole.person_ids.index(group.training.person_ids[person])
            items, times = whole.history(original)
            before = times < group.test_times[person]
            expected = [whole.item_ids[item] for item in items[before]]
            history, _ = group.history(int(person), stage="test")
            assert [group.training.item_ids[item] for item in history] == expected


def test_validation_is_before_the_test_of_known_items(start: ColdStart) -> None:
    """Training's own split holds out the same test as the group of known people and items."""
    group = start.groups["known people, known items"]
    np.testing.assert_array_equal(group.people, start.training.people)
    np.testing.assert_array_equal(
        group.test_items[group.people], start.training.test_items[start.training.people]
    )


def test_each_seed_keeps_others(whole: Dataset) -> None:
    """Who is new, and what is unseen, is drawn."""
    kept = Counter(
        start.learnt_from.training.item_ids[start.known_items :]
        for start in (cold_start(whole, rng=np.random.default_rng(seed)) for seed in range(3))
    )
    assert len(kept) == 3


def test_too_little_data_is_refused(whole: Dataset) -> None:
    """A group with nobody in it cannot be tested; the error names it."""
    with pytest.raises(DataError, match=r"no new people, .* can be tested in 'planted'"):
        cold_start(whole.head(2), rng=np.random.default_rng(1))
