"""What is in lists: against plain computations, and by what each figure should tell apart."""

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.simulation.datasets import Dataset
from penchant.simulation.evaluation import ListQuality, list_quality
from penchant.simulation.evaluation.lists import first_items
from penchant.simulation.split import LeaveOneOut, leave_one_out

ITEMS = 12


@pytest.fixture
def split() -> LeaveOneOut:
    """Six people, who mostly meet the first items."""
    rng = np.random.default_rng(0)
    chosen = [rng.choice(ITEMS, 6, replace=False, p=_weights()) for _ in range(6)]
    return leave_one_out(
        Dataset.from_events(
            "small",
            item_ids=[str(i) for i in range(ITEMS)],
            item_texts=[f"item {i}" for i in range(ITEMS)],
            person_ids=[str(i) for i in range(6)],
            people=np.repeat(range(6), 6),
            items=np.concatenate(chosen),
            times=np.arange(36),
        )
    )


def _weights() -> NDArray[np.float64]:
    weights = 1.0 / np.arange(1, ITEMS + 1)
    return np.asarray(weights / weights.sum())


def quality_of(lists: NDArray[np.int32], split: LeaveOneOut) -> ListQuality:
    """Return the quality of lists over twelve items in two directions."""
    embeddings = np.eye(2)[np.arange(ITEMS) % 2]
    popularity = np.bincount(split.training.items, minlength=ITEMS).astype(np.float64)
    return list_quality(
        lists, split.people, split, embeddings, popularity, counted=6, stage="validation"
    )


def test_qualities_are_what_they_say(split: LeaveOneOut) -> None:
    """Each figure equals a plain computation."""
    lists = np.array([[0, 1, 2], [3, 5, 7], [0, 2, 4], [1, 2, 3], [0, 1, 3], [4, 6, 8]], np.int32)
    found = quality_of(lists, split)
    popularity = np.bincount(split.training.items, minlength=ITEMS)
    assert found.coverage == pytest.approx(9 / 12)
    # Items of one parity are alike, of different parity at right angles.
    apart = [
        np.mean([(a - b) % 2 for k, a in enumerate(row) for b in row[k + 1 :]]) for row in lists
    ]
    assert found.diversity == pytest.approx(np.mean(apart))
    assert found.novelty == pytest.approx(-np.log2((popularity[lists] + 1) / 7).mean())
    chosen = popularity[split.training.items].mean()
    assert found.popularity_bias == pytest.approx(popularity[lists].mean() / chosen)


def test_popular_lists_are_biased_and_not_novel(split: LeaveOneOut) -> None:
    """Recommending the most popular to all shows in every figure."""
    popularity = np.bincount(split.training.items, minlength=ITEMS)
    most = np.tile(np.argsort(-popularity)[:3], (6, 1)).astype(np.int32)
    least = np.tile(np.argsort(popularity)[:3], (6, 1)).astype(np.int32)
    popular, rare = quality_of(most, split), quality_of(least, split)
    assert popular.popularity_bias > 1 > rare.popularity_bias
    assert popular.novelty < rare.novelty
    assert popular.coverage == rare.coverage == 3 / 12


def test_first_items_are_the_best_candidates_in_order() -> None:
    """Items that are no candidates are not on the list, however good."""
    scores = np.array([[0.1, 0.9, 0.5, 0.7, 0.3]])
    candidates = np.array([[True, False, True, True, True]])
    lists = first_items(scores, candidates, k=3, rng=np.random.default_rng(0))
    assert lists.tolist() == [[3, 2, 4]]


def test_ties_fall_at_random() -> None:
    """Of 40 equal items each is on lists of ten equally often, whatever its place.

    Each is on 250 of 1,000 lists on average; none is 100 off, by chance, but with probability
    below 1e-9.
    """
    counts = np.zeros(40)
    rng = np.random.default_rng(1)
    for _ in range(1000):
        counts[first_items(np.zeros((1, 40)), np.ones((1, 40), np.bool_), k=10, rng=rng)[0]] += 1
    assert np.abs(counts - 250).max() < 100
