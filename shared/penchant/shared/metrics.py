"""Ranks of held-out items and the metrics made of them, exact under ties.

Tie rule: candidates with the same score are in random order, and a metric is its expectation over
that order, in closed form. So no random number is drawn, a scorer that gives every candidate the
same score is exactly at chance, and a metric depends on the order of the scores alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError

__all__ = ["FloatArray", "Ranks", "hit_rate", "ndcg", "reciprocal_rank"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where the held-out item of each person stands among that person's candidates.

    Its rank, from 1 for the best, is uniform on ``above + 1`` to ``above + tied + 1``.

    Args:
        above: int64 of shape (n,), candidates with a higher score.
        tied: int64 of shape (n,), other candidates with the same score.
        candidates: int64 of shape (n,), all candidates, the held-out item among them.
    """

    above: NDArray[np.int64]
    tied: NDArray[np.int64]
    candidates: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not self.above.shape == self.tied.shape == self.candidates.shape:
            raise DataError(
                "ranks need one count of each kind a person; got shapes "
                f"{self.above.shape}, {self.tied.shape} and {self.candidates.shape}"
            )
        if ((self.above < 0) | (self.tied < 0) | (self.above + self.tied >= self.candidates)).any():
            raise DataError("the candidates above and tied must be fewer than all candidates")

    @property
    def expected(self) -> FloatArray:
        """The expected rank of each person's item: float64 of shape (n,), at least 1."""
        return self.above + 1 + self.tied / 2


def hit_rate(ranks: Ranks, *, k: int) -> FloatArray:
    """Return the probability that each item is among the first k (HR@k): float64 in [0, 1].

    With one held-out item a person this is also recall at k.
    """
    return np.clip((k - ranks.above) / (ranks.tied + 1), 0.0, 1.0)


def ndcg(ranks: Ranks, *, k: int) -> FloatArray:
    """Return each person's NDCG@k: float64 in [0, 1].

    With one relevant item the ideal gain is 1, so it is ``1 / log2(rank + 1)`` up to rank k and 0
    beyond (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, with binary gains).
    """
    gains = np.zeros(_longest(ranks))
    gains[:k] = 1 / np.log2(np.arange(2, min(k, gains.size) + 2))
    return _mean_over_ties(ranks, gains)


def reciprocal_rank(ranks: Ranks) -> FloatArray:
    """Return each person's ``1 / rank``, with no cut-off (MRR is its mean): float64 in (0, 1]."""
    return _mean_over_ties(ranks, 1 / np.arange(1, _longest(ranks) + 1))


def _longest(ranks: Ranks) -> int:
    return int(ranks.candidates.max(initial=1))


def _mean_over_ties(ranks: Ranks, gains: FloatArray) -> FloatArray:
    """Average ``gains`` (the gain of rank 1, 2, ...) over the ranks that each item may take."""
    sums = np.concatenate(([0.0], np.cumsum(gains)))
    last = ranks.above + ranks.tied + 1
    untied = gains[ranks.above]
    return np.where(ranks.tied == 0, untied, (sums[last] - sums[ranks.above]) / (ranks.tied + 1))
