"""Prequential evaluation: each event is predicted from those before it, then learnt.

A. P. Dawid, "The prequential approach", J. R. Statist. Soc. A 147 (1984); Gama, Sebastiao and
Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90 (2013).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.drift.profiles import Profile
from penchant.simulation.drift.switches import Switched
from penchant.simulation.evaluation.metrics import Ranks, hit_rate, ndcg

__all__ = ["Prequential", "predict_then_learn"]

K = 10


@dataclass(frozen=True, eq=False)
class Prequential:
    """Metrics of every predicted event, NaN where the item had been met before.

    Attributes:
        names: of the profiles, of length M.
        hits: float64 (M, people, before + after), HR@10, in order of event around the switch.
        gains: float64 of the same shape, NDCG@10.
        before: how many of the events are before the switch.
    """

    names: tuple[str, ...]
    hits: NDArray[np.float64]
    gains: NDArray[np.float64]
    before: int


def predict_then_learn(
    people: Sequence[Switched],
    embeddings: NDArray[np.float32],
    profiles: Mapping[str, Callable[[int], Profile]],
    *,
    before: int,
    after: int,
) -> Prequential:
    """Predict and learn every event of everybody, and keep the metrics around the switch.

    The candidates of an event are all items but those that the person has met; equal scores count
    by their expectation. Profiles have learnt all events from the first on.

    Args:
        people: their events.
        embeddings: float32 (J, m), of the items.
        profiles: make a profile for R^m, by name.
        before: events to keep before each switch.
        after: events to keep after it.
    """
    shape = (len(profiles), len(people), before + after)
    hits, gains = np.full(shape, np.nan), np.full(shape, np.nan)
    for row, person in enumerate(people):
        followers = [make(embeddings.shape[1]) for make in profiles.values()]
        met = np.zeros(len(embeddings), dtype=np.bool_)
        for number, (item, time) in enumerate(
            zip(person.items.tolist(), person.times.tolist(), strict=True)
        ):
            place = number - person.at + before
            if 0 <= place < before + after and not met[item]:
                vectors = np.stack([follower.vector() for follower in followers])
                ranks = _ranks(vectors @ embeddings.T, item, met)
                hits[:, row, place] = hit_rate(ranks, k=K)
                gains[:, row, place] = ndcg(ranks, k=K)
            met[item] = True
            for follower in followers:
                follower.learn(embeddings[item], time, switched=number >= person.at)
    return Prequential(tuple(profiles), hits, gains, before)


def _ranks(scores: NDArray[np.float32], item: int, met: NDArray[np.bool_]) -> Ranks:
    """Return where the item stands by each row of scores among what is new to the person."""
    own = scores[:, item, None]
    return Ranks(
        above=((scores > own) & ~met).sum(axis=1),
        tied=((scores == own) & ~met).sum(axis=1) - 1,
        candidates=np.full(len(scores), int((~met).sum())),
    )
