"""Impressions: MIND's metrics, as its authors compute them, and expected under ties."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score, roc_auc_score

from penchant.shared.errors import DataError
from penchant.simulation.evaluation import evaluate_impressions
from penchant.simulation.evaluation.impressions import impression_metrics


def mind_mrr(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """MIND's own: the mean of 1 / rank over the clicked items."""
    ordered = labels[np.argsort(scores)[::-1]]
    return float((ordered / np.arange(1, len(ordered) + 1)).sum() / labels.sum())


@st.composite
def impressions(draw: st.DrawFn, *, ties: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores and clicks, of which there are some but not all."""
    size = draw(st.integers(2, 6 if ties else 30))
    values = st.integers(0, 2) if ties else st.integers(0, 10**6)
    scores = draw(st.lists(values, min_size=size, max_size=size, unique=not ties))
    clicks = draw(st.integers(1, size - 1))
    places = draw(st.permutations(range(size)))
    clicked = np.zeros(size, dtype=np.bool_)
    clicked[list(places[:clicks])] = True
    return np.array(scores, dtype=np.float64), clicked


@given(impressions(ties=False))
def test_metrics_are_those_of_mind(
    impression: tuple[NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    """Without ties they equal scikit-learn's AUC and NDCG, and MIND's MRR."""
    scores, clicked = impression
    auc, mrr, at_5, at_10 = impression_metrics(scores, clicked)
    assert auc == pytest.approx(roc_auc_score(clicked, scores))
    assert mrr == pytest.approx(mind_mrr(clicked, scores))
    assert at_5 == pytest.approx(ndcg_score([clicked.astype(int)], [scores], k=5))
    assert at_10 == pytest.approx(ndcg_score([clicked.astype(int)], [scores], k=10))


@given(impressions(ties=True))
def test_ties_count_by_their_expectation(
    impression: tuple[NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    """With ties they are the mean over all orders of what ties."""
    scores, clicked = impression
    each = [
        impression_metrics(scores + 1e-6 * np.array(order), clicked)
        for order in permutations(range(len(scores)))
    ]
    assert impression_metrics(scores, clicked) == pytest.approx(tuple(np.mean(each, axis=0)))


def test_equal_scores_are_at_chance() -> None:
    """A model that tells nothing apart has an AUC of one half."""
    assert impression_metrics(np.zeros(20), np.arange(20) < 3)[0] == 0.5


def test_impressions_that_tell_nothing_are_counted() -> None:
    """All or nothing clicked: left out, and said so; means are over the others."""
    shown = [
        (0, np.array([1.0, 0.0]), np.array([True, False])),
        (0, np.array([1.0, 0.0]), np.array([False, False])),
        (1, np.array([1.0, 0.0]), np.array([False, True])),
        (1, np.array([1.0, 0.0]), np.array([True, True])),
    ]
    found = evaluate_impressions(shown)
    assert found.left_out == 2
    assert found.as_dict()["auc"] == 0.5
    low, high = found.intervals(rng=np.random.default_rng(0))["auc"]
    assert (low, high) == (0.0, 1.0)
    with pytest.raises(DataError, match="none of 1 impressions"):
        evaluate_impressions(shown[1:2])


def test_scores_that_are_not_numbers_are_refused() -> None:
    """They have no order."""
    with pytest.raises(DataError, match="NaN"):
        impression_metrics(np.array([np.nan, 1.0]), np.array([True, False]))
