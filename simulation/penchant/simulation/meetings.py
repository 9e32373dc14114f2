"""Which event stands for a person's meeting of an item, and which of them count as targets.

Of several events of one person with one item one is kept, so that a held-out item is never among
the same person's training items: the first; or, where the data set tells kinds, the first of the
kind that says most. A purchase says more than a like or a share, then come custom kinds (a cart,
say), clicks, dwelling, views and searches. What is kept is one of the person's events as it was, at
its own time: somebody who viewed an item and bought it later has bought it, then.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from penchant.client.events import EventKind
from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset, Int8Array, Int64Array

__all__ = ["are_targets", "meetings", "one_a_pair"]

# From what says least to what says most.
_TELLING = (
    EventKind.SEARCH, EventKind.VIEW, EventKind.DWELL, EventKind.CLICK, EventKind.CUSTOM,
    EventKind.SHARE, EventKind.LIKE, EventKind.PURCHASE,
)  # fmt: skip


def meetings(dataset: Dataset, targets: Collection[EventKind] = ()) -> Int64Array:
    """Return the places of the events that are kept, int64, increasing.

    Args:
        dataset: the data set.
        targets: kinds that say more than all others; none for the order above.
    """
    pairs = dataset.people * dataset.n_items + dataset.items
    return one_a_pair(pairs, dataset.kinds, targets)


def one_a_pair(
    pairs: Int64Array, kinds: Int8Array | None, targets: Collection[EventKind] = ()
) -> Int64Array:
    """Return the place of the event that is kept of each pair of person and item, increasing.

    Args:
        pairs: int64 (events,), a number for each pair, in order of time within a person.
        kinds: int8 (events,), numbers of kinds; None if they are not known.
        targets: see ``meetings``.
    """
    if kinds is None:
        return np.sort(np.unique(pairs, return_index=True)[1])
    telling = np.zeros(len(EventKind), dtype=np.int64)
    for rank, kind in enumerate(_TELLING, start=1):
        telling[kind.number] = rank + len(EventKind) * (kind in targets)
    order = np.lexsort((-telling[kinds], pairs))  # stable: the first of a kind stays first
    return np.sort(order[np.unique(pairs[order], return_index=True)[1]])


def are_targets(
    dataset: Dataset, kinds: Int8Array | None, targets: Collection[EventKind], *, events: int
) -> NDArray[np.bool_]:
    """Mark the events that can be held out, bool (events,): all, without ``targets``.

    Args:
        dataset: the data set that they are of.
        kinds: int8 (events,), numbers of their kinds, if they are known.
        targets: kinds that count; none for all.
        events: how many there are.

    Raises:
        DataError: only some kinds count, and the data set tells none.
    """
    if not targets:
        return np.ones(events, dtype=np.bool_)
    if kinds is None:
        raise DataError(
            f"only {', '.join(targets)} is to be predicted, and '{dataset.name}' does not tell "
            "kinds of events; say which column does, such as kind=action"
        )
    return np.isin(kinds, [kind.number for kind in targets])
