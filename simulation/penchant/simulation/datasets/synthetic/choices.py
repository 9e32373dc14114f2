"""Which item a person takes who looks for a topic, or for nothing in particular."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.datasets.synthetic.items import Items

__all__ = ["NO_TOPIC", "ItemChoices"]

NO_TOPIC = -1  # the topic of a noise event
_ATTEMPTS = 20


@dataclass(frozen=True, eq=False)
class ItemChoices:
    """The laws p(j | topic) ~ mixture[j, topic] popularity[j], and popularity alone for noise.

    They lie one after the other, the law of noise last: row t of them has its items at ``items``
    where ``cumulative`` rises from t to t + 1. One binary search then draws for any topic.

    Attributes:
        items: int32 (rows,), the items of each law.
        cumulative: float64 (rows,), increasing.
        last: int64 (K + 1,), the last row of each law.
    """

    items: NDArray[np.int32]
    cumulative: NDArray[np.float64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, items: Items) -> Self:
        """Return the laws of a catalogue; a topic without items is looked for in vain: noise."""
        rows, sums = [], []
        for topic in range(len(items.topic_names) + 1):
            weights = items.popularity
            if topic < len(items.topic_names) and items.mixtures[:, topic].any():
                weights = weights * items.mixtures[:, topic]
            chosen = np.flatnonzero(weights)
            cumulative = np.cumsum(weights[chosen])
            rows.append(chosen.astype(np.int32))
            sums.append(topic + cumulative / cumulative[-1])
        return cls(
            np.concatenate(rows),
            np.concatenate(sums),
            np.cumsum([len(row) for row in rows]) - 1,
        )

    def draw(self, topics: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int32]:
        """Return an item for each topic, or ``NO_TOPIC``: int32 of the shape of ``topics``."""
        laws = np.where(topics == NO_TOPIC, len(self.last) - 1, topics)
        found = np.searchsorted(self.cumulative, laws + rng.random(len(laws)), side="right")
        return self.items[np.minimum(found, self.last[laws])]

    def draw_unmet(
        self, people: NDArray[np.int64], topics: NDArray[np.int16], rng: np.random.Generator
    ) -> NDArray[np.int32]:
        """Draw as :meth:`draw`, but again where a person has met the item before.

        After 20 attempts a repeat stays: somebody has nearly exhausted a topic.

        Args:
            people: int64 (events,), whose event it is, from 0, never decreasing.
            topics: int16 (events,).
            rng: of the draws.
        """
        items = self.draw(topics, rng)
        open_events = np.arange(len(items))  # of people who may still have repeats
        for _ in range(_ATTEMPTS):
            repeated = open_events[_is_repeat(people[open_events], items[open_events])]
            if not len(repeated):
                break
            items[repeated] = self.draw(topics[repeated], rng)
            affected = np.zeros(people[-1] + 1, dtype=np.bool_)
            affected[people[repeated]] = True
            open_events = open_events[affected[people[open_events]]]
        return items


def _is_repeat(people: NDArray[np.int64], items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark the events whose item the same person has in an event before."""
    events = len(items)
    pairs = people * (int(items.max()) + 1) + items
    # Sorting values is much faster than sorting indices; the event rides in the lowest digits.
    pairs, order = np.divmod(np.sort(pairs * events + np.arange(events)), events)
    repeats = np.zeros(events, dtype=np.bool_)
    repeats[order[1:]] = pairs[1:] == pairs[:-1]
    return repeats
