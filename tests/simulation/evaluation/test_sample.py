"""Tests of who is evaluated: everybody where that is cheap, else a stated sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.simulation.datasets import Dataset
from penchant.simulation.evaluation import evaluated_sample, evenly_spaced, sample
from penchant.simulation.split import LeaveOneOut, leave_one_out


@pytest.fixture(scope="module")
def split() -> LeaveOneOut:
    """Fifty people of five items; the first has too few events to be evaluated."""
    items = [0, 1, *([0, 1, 2] * 49)]
    return leave_one_out(
        Dataset.from_events(
            "many", item_ids=list("vwxyz"), item_texts=["text"] * 5,
            person_ids=[str(person) for person in range(50)],
            people=[0, 0, *np.repeat(np.arange(1, 50), 3)], items=items,
            times=np.arange(len(items)),
        )
    )  # fmt: skip


def test_everybody_is_evaluated_where_that_is_cheap(split: LeaveOneOut) -> None:
    """As on every public data set of up to 20 million scores."""
    assert evaluated_sample(split) is split


def test_beyond_the_limit_a_sample_is(split: LeaveOneOut, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as stated, of those who have held-out items, the first and last among them."""
    monkeypatch.setattr(sample, "_SCORES", 49 * 5 - 1)
    monkeypatch.setattr(sample, "_PEOPLE", 7)
    chosen = evaluated_sample(split)
    assert chosen.people.tolist() == [1, 9, 17, 25, 33, 41, 49]
    assert chosen.n_training_only == 1
    monkeypatch.setattr(sample, "_SCORES", 49 * 5)
    assert evaluated_sample(split) is split


@given(st.integers(0, 60), st.integers(2, 12))
def test_people_are_evenly_spaced(people: int, count: int) -> None:
    """None twice, both ends, and gaps that differ by one at most."""
    chosen = evenly_spaced(np.arange(people), count=count)
    assert len(chosen) == min(people, count)
    if people:
        assert (chosen[0], chosen[-1]) == (0, people - 1)
        assert np.ptp(np.diff(chosen)) <= 1 if len(chosen) > 1 else True
