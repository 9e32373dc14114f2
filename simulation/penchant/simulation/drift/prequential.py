"""Prequential evaluation: each event is predicted from those before it, then learnt.

A. P. Dawid, "The prequential approach", J. R. Statist. Soc. A 147 (1984); Gama, Sebastiao and
Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90 (2013).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.shared.metrics import Ranks, hit_rate, ndcg
from penchant.simulation.drift.switches import Switched

__all__ = ["Panel", "Prequential", "Space", "predict_then_learn"]

K = 10


class Panel(Protocol):
    """All profiles of one person, side by side, while events come in."""

    def vectors(self, *, now: int) -> NDArray[np.float32]:
        """Return what items are ranked by at ``now``, unix seconds: float32 (M, w)."""

    def learn(self, item: int, time: int, *, switched: bool) -> None:
        """Take in an event.

        Args:
            item: row in the catalogue.
            time: unix seconds, never before the last.
            switched: whether the person's interests have changed by then.
        """


@dataclass(frozen=True, eq=False)
class Space:
    """Where profiles are compared with items: a score is their product, plus the item's own.

    Attributes:
        items: float32 (J, w).
        popularity: float32 (J,), added whoever ranks; zeros for none.
    """

    items: NDArray[np.float32]
    popularity: NDArray[np.float32]


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
    space: Space,
    panel_of: Callable[[int], Panel],
    *,
    names: Sequence[str],
    before: int,
    after: int,
) -> Prequential:
    """Predict and learn every event of everybody, and keep the metrics around the switch.

    The candidates of an event are all items but those that the person has met; equal scores count
    by their expectation. Profiles have learnt all events from the first on.

    Args:
        people: their events.
        space: the items.
        panel_of: makes the profiles of the person at a place in ``people``, who has done nothing.
        names: of the M profiles of a panel.
        before: events to keep before each switch.
        after: events to keep after it.
    """
    shape = (len(names), len(people), before + after)
    hits, gains = np.full(shape, np.nan), np.full(shape, np.nan)
    for row, person in enumerate(people):
        panel = panel_of(row)
        met = np.zeros(len(space.items), dtype=np.bool_)
        for number, (item, time) in enumerate(
            zip(person.items.tolist(), person.times.tolist(), strict=True)
        ):
            place = number - person.at + before
            if 0 <= place < before + after and not met[item]:
                scores = panel.vectors(now=time) @ space.items.T + space.popularity
                ranks = _ranks(scores, item, met)
                hits[:, row, place] = hit_rate(ranks, k=K)
                gains[:, row, place] = ndcg(ranks, k=K)
            met[item] = True
            panel.learn(item, time, switched=number >= person.at)
    return Prequential(tuple(names), hits, gains, before)


def _ranks(scores: NDArray[np.float32], item: int, met: NDArray[np.bool_]) -> Ranks:
    """Return where the item stands by each row of scores among what is new to the person."""
    own = scores[:, item, None]
    return Ranks(
        above=((scores > own) & ~met).sum(axis=1),
        tied=((scores == own) & ~met).sum(axis=1) - 1,
        candidates=np.full(len(scores), int((~met).sum())),
    )
