"""Impressions: how well what was clicked is told from what was shown beside it.

The metrics of MIND (Wu et al., MIND: A Large-scale Dataset for News Recommendation, ACL 2020,
section 5.1) as its own evaluation computes them: each is a mean over impressions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.shared.metrics import FloatArray

__all__ = ["METRICS", "ImpressionEvaluation", "evaluate_impressions", "impression_metrics"]

METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")


@dataclass(frozen=True, eq=False)
class ImpressionEvaluation:
    """What one model achieved.

    Attributes:
        values: float64 (impressions, 4), by ``METRICS``, each in [0, 1].
        people: int64 (impressions,), whose each was.
        left_out: impressions of which all items or none were clicked: they tell nothing.
    """

    values: FloatArray
    people: NDArray[np.int64]
    left_out: int

    def as_dict(self) -> dict[str, float]:
        """Return the means over impressions by name."""
        return dict(zip(METRICS, self.values.mean(axis=0).tolist(), strict=True))

    def intervals(
        self, *, rng: np.random.Generator, level: float = 0.95, resamples: int = 1000
    ) -> dict[str, list[float]]:
        """Return percentile bootstrap intervals, people drawn with all their impressions.

        Args:
            rng: source of the resamples.
            level: coverage, between 0 and 1.
            resamples: number of resamples.
        """
        _, places = np.unique(self.people, return_inverse=True)
        n = int(places.max()) + 1
        sums = np.zeros((n, len(METRICS)))
        np.add.at(sums, places, self.values)
        counts = np.bincount(places, minlength=n)
        means = np.empty((resamples, len(METRICS)))
        for resample in range(resamples):
            drawn = rng.integers(n, size=n)
            means[resample] = sums[drawn].sum(axis=0) / counts[drawn].sum()
        tail = (1 - level) / 2
        bounds = np.quantile(means, [tail, 1 - tail], axis=0).T.tolist()
        return dict(zip(METRICS, bounds, strict=True))


def impression_metrics(
    scores: NDArray[np.floating[Any]], clicked: NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    """Return group AUC, MRR, NDCG@5 and NDCG@10 of one impression, expected under ties.

    Items of one score are in random order. AUC counts a tie as one half. MRR is the mean of
    1 / rank over the clicked items, as MIND has it.

    Args:
        scores: floats (n,), of the items shown.
        clicked: bool (n,), some but not all.

    Raises:
        DataError: all or none were clicked, or a score is not a number.

    >>> impression_metrics(np.array([3.0, 2.0, 1.0]), np.array([False, True, False]))
    (0.5, 0.5, 0.6309297535714575, 0.6309297535714575)
    """
    if np.isnan(scores).any():
        raise DataError("an impression's scores are not numbers (NaN), so they have no order")
    hits = int(clicked.sum())
    if not 0 < hits < len(clicked):
        raise DataError("an impression needs items that were clicked, and others that were not")
    order = np.argsort(-scores, kind="stable")
    # Share of clicked items at each place: the mean of those that tie for it.
    ordered = scores[order]
    begins = np.concatenate(([0], np.flatnonzero(np.diff(ordered)) + 1))
    sizes = np.diff(np.append(begins, len(ordered)))
    clicks = np.add.reduceat(clicked[order].astype(np.float64), begins)
    expected = np.repeat(clicks / sizes, sizes)
    others = sizes - clicks
    below = others.sum() - np.cumsum(others)
    auc = float((clicks * (below + others / 2)).sum() / (hits * others.sum()))
    ranks = np.arange(1, len(scores) + 1)
    mrr = float((expected / ranks).sum() / hits)
    discounts = 1 / np.log2(ranks + 1)
    gains = [
        float((expected * discounts)[:k].sum() / discounts[: min(k, hits)].sum()) for k in (5, 10)
    ]
    return auc, mrr, gains[0], gains[1]


def evaluate_impressions(
    scored: Iterable[tuple[int, NDArray[np.floating[Any]], NDArray[np.bool_]]],
) -> ImpressionEvaluation:
    """Evaluate impressions.

    Args:
        scored: of each, its person, the scores of what was shown, and what of it was clicked.

    Raises:
        DataError: no impression has items that were clicked and others that were not.
    """
    values, people, left_out = [], [], 0
    for person, scores, clicked in scored:
        if clicked.all() or not clicked.any():
            left_out += 1
            continue
        values.append(impression_metrics(scores, clicked))
        people.append(person)
    if not values:
        raise DataError(
            f"none of {left_out} impressions has items that were clicked and others that were not"
        )
    return ImpressionEvaluation(np.array(values), np.array(people, dtype=np.int64), left_out)
