"""Tests of the controls."""

import numpy as np
import pytest

from penchant.shared.errors import DataError
from penchant.simulation.controls import content_similarity, popularity
from penchant.simulation.datasets import Dataset
from penchant.simulation.split import LeaveOneOut, leave_one_out

# Person by person, oldest first; the last two events of each are held out.
HISTORIES = [[0, 1, 2, 3], [1, 0, 4, 2], [1, 3, 4]]


@pytest.fixture
def split() -> LeaveOneOut:
    """Three people over five items."""
    return leave_one_out(
        Dataset.from_events(
            "small",
            item_ids=list("vwxyz"),
            item_texts=["five", "films", "of", "some", "kind"],
            person_ids=["ann", "bob", "cyd"],
            people=np.repeat(range(3), [len(history) for history in HISTORIES]),
            items=np.concatenate(HISTORIES),
            times=np.arange(11),
        )
    )


def test_popularity_counts_training_events_only(split: LeaveOneOut) -> None:
    """Held-out events do not count, and everybody gets the same scores."""
    scores = popularity(split)(np.array([2, 0]))
    assert scores.tolist() == [[2, 3, 0, 0, 0]] * 2


def test_content_similarity_is_the_mean_over_what_was_met(split: LeaveOneOut) -> None:
    """At validation the training items count, at test the validation item as well."""
    embeddings = np.random.default_rng(0).normal(size=(5, 3))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    at_validation = content_similarity(embeddings, split, stage="validation")(np.array([2, 0]))
    at_test = content_similarity(embeddings, split, stage="test")(np.array([0]))
    assert at_validation[0] == pytest.approx(embeddings @ embeddings[1])
    assert at_validation[1] == pytest.approx(embeddings @ embeddings[[0, 1]].mean(axis=0))
    assert at_test[0] == pytest.approx(embeddings @ embeddings[[0, 1, 2]].mean(axis=0))


def test_embeddings_of_other_items_are_refused(split: LeaveOneOut) -> None:
    """There must be one embedding an item."""
    with pytest.raises(DataError, match=r"shape \(5, m\); got \(4, 3\)"):
        content_similarity(np.zeros((4, 3)), split, stage="test")
