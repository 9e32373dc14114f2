"""Whose interests are shown: an ordinary person by activity, with a marked change.

1. People with at least 20 events, in order of how many they have.
2. The middle fifth of them, or 500 of it, evenly spaced.
3. Of those the one whose shares of tags differ most between the first and the last third of their
   events: the largest total variation distance, which is half the sum of all differences.
"""

from dataclasses import dataclass

import numpy as np

from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.evaluation import evenly_spaced
from penchant.simulation.portrait.tags import ItemTags

__all__ = ["Chosen", "choose"]

LEAST_EVENTS = 20
MIDDLE = (0.4, 0.6)
LOOKED_AT = 500


@dataclass(frozen=True)
class Chosen:
    """The person shown.

    Attributes:
        person: row in the data set.
        looked_at: among how many they changed most.
        change: total variation distance of the first and the last third, from 0 to 1.
    """

    person: int
    looked_at: int
    change: float


def choose(dataset: Dataset, tags: ItemTags) -> Chosen | None:
    """Return the person to show, by the rule at the top of this module; None if there is nobody.

    Args:
        dataset: people and events.
        tags: of its items.
    """
    lengths = np.diff(dataset.offsets)
    enough = np.flatnonzero(lengths >= LEAST_EVENTS)
    if not len(enough):
        return None
    ordered = enough[np.argsort(lengths[enough], kind="stable")]
    low, high = (int(share * len(ordered)) for share in MIDDLE)
    middle = evenly_spaced(ordered[low : max(high, low + 1)], count=LOOKED_AT)
    changes = [_change(dataset, int(person), tags) for person in middle]
    best = int(np.argmax(changes))
    return Chosen(int(middle[best]), len(middle), changes[best])


def _change(dataset: Dataset, person: int, tags: ItemTags) -> float:
    items = np.asarray(dataset.history(person)[0], dtype=np.int64)
    third = len(items) // 3
    first, last = (tags.shares(some).mean(axis=0) for some in (items[:third], items[-third:]))
    return float(np.abs(first - last).sum() / 2)
