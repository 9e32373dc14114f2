"""A device's measure of the ranker it was given: three numbers whose norm is at most 1.

Predict, then learn: each event that is new since the device's last contribution is ranked, by the
ranker as it was given, from what came before it (prequential evaluation: Dawid, 1984, "Statistical
theory: the prequential approach"). The measure is (HR@10, NDCG@10, 1) / sqrt(3), each a mean over
the device's new events, so that all devices weigh the same; a device without new events gives
zeros. HR and NDCG are at most 1, and the norm therefore is: the clipping norm is met by
construction.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import UNKNOWN_ITEM
from penchant.shared.contract import MEASURE_SIZE
from penchant.shared.history import History
from penchant.shared.metrics import Ranks, hit_rate, ndcg
from penchant.shared.ranker import DISLIKE
from penchant.shared.scoring import Scorer

__all__ = [
    "MEASURE_NORM",
    "is_measure",
    "measure_of",
    "nothing_measured",
    "unscaled",
]

MEASURE_NORM: Final = 1.0
SCALE = 1.0 / math.sqrt(MEASURE_SIZE)
LENGTH = 10  # of the list that counts as a hit
MOST_EVENTS = 20  # so that measuring costs about the same on every device
ROUNDING = 1e-6  # what float32 may add


def nothing_measured() -> NDArray[np.float32]:
    """Return the measure of a device that has nothing to measure with: zeros, float32 (3,)."""
    return np.zeros(MEASURE_SIZE, dtype=np.float32)


def unscaled(measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums of (HR, NDCG, 1) from sums of measures, float64 (..., 3)."""
    return measures / SCALE


def is_measure(vector: NDArray[np.float32]) -> bool:
    """Whether a device that keeps to the rules could have measured ``vector``, finite (3,).

    The weight is all or nothing, and NDCG <= HR <= 1 whatever was ranked.
    """
    hits, gains, weight = (float(number) / SCALE for number in vector)
    if min(abs(weight), abs(weight - 1.0)) > ROUNDING:
        return False
    return -ROUNDING <= gains <= hits + ROUNDING <= weight + 2 * ROUNDING


def measure_of(
    scorer: Scorer,
    history: History,
    private_vector: NDArray[np.float32],
    *,
    new: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return a device's measure of a ranker, float32 (3,).

    Events that can be foretold are on catalogue items that the person meets for the first time and
    does not dislike, with something before them; of the new ones the latest 20 are. Candidates are
    the items not met before, as ``Device.recommend`` has them. Ties are in random order, and the
    measure is the expectation over it (``penchant.shared.metrics``).

    Args:
        scorer: the ranker that was given and its catalogue.
        history: all of the person's events, oldest first.
        private_vector: float32 (d,), as the rounds before this one left it.
        new: bool (n,), the events that no contribution has been made from yet.
    """
    first = _first_meetings(history.items)
    told = first & new & (history.kinds != DISLIKE)
    told[:1] = False
    places = np.flatnonzero(told)[-MOST_EVENTS:]
    if len(places) == 0:
        return nothing_measured()
    ranks = _ranks(scorer, history, private_vector, places)
    values = [hit_rate(ranks, k=LENGTH).mean(), ndcg(ranks, k=LENGTH).mean(), 1.0]
    return (np.array(values) * SCALE).astype(np.float32)


def _first_meetings(items: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a catalogue item is met for the first time, bool (n,)."""
    first = np.zeros(len(items), dtype=np.bool_)
    first[np.unique(items, return_index=True)[1]] = True
    first[items == UNKNOWN_ITEM] = False
    return first


def _ranks(
    scorer: Scorer,
    history: History,
    private_vector: NDArray[np.float32],
    places: NDArray[np.int64],
) -> Ranks:
    above, tied, candidates = [], [], []
    for place in places.tolist():
        before = history.before(place)
        profile = scorer.profile(private_vector, before, now=int(history.times[place]))
        scores = scorer.scores(profile)
        open_items = np.ones(len(scores), dtype=np.bool_)
        open_items[before.items[before.items != UNKNOWN_ITEM]] = False
        target = scores[history.items[place]]
        count = int(open_items.sum())
        # Scores that are not numbers have no order: what they should have found is missed.
        ordered = bool(np.isfinite(scores).all())
        above.append(int(((scores > target) & open_items).sum()) if ordered else count - 1)
        tied.append(int(((scores == target) & open_items).sum()) - 1 if ordered else 0)
        candidates.append(count)
    return Ranks(np.array(above), np.array(tied), np.array(candidates))
