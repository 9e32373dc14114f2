"""The global time split: one moment for everybody, before which all training is.

1. The moment is the ``SHARE`` quantile of all events' times. Events at or after it are the future.
2. Test: a person's first event of the future with an item that they had not met before.
3. Validation: a person's last event before the moment. The rest before it: training.
4. Whoever has fewer than two events before the moment, or no such event after it, has nothing held
   out; all they have before the moment is training. Later events of the future are not used.

Of several events of one person with the same item only the first counts, as in leave-one-out.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.split import NOTHING, LeaveOneOut, first_meetings

__all__ = ["SHARE", "time_split"]

SHARE = 0.9


def time_split(dataset: Dataset) -> LeaveOneOut:
    """Split a data set by the rule at the top of this module.

    Raises:
        DataError: nobody has events both before and after the moment.

    >>> cinema = Dataset.from_events(
    ...     "cinema",
    ...     item_ids=["a", "b", "c", "d"],
    ...     item_texts=["Alien", "Brazil", "Casablanca", "Dune"],
    ...     person_ids=["ann", "bob"],
    ...     people=[0, 0, 0, 1, 1, 0],
    ...     items=[0, 1, 2, 1, 3, 3],
    ...     times=[1, 2, 3, 4, 5, 9],
    ... )
    >>> split = time_split(cinema)
    >>> split.people.tolist(), int(split.validation_items[0]), int(split.test_items[0])
    ([0], 2, 3)
    """
    events = first_meetings(dataset)
    people, items, times = dataset.people[events], dataset.items[events], dataset.times[events]
    # The event at the quantile, not a time between two: it works for times that are only an order.
    moment = np.sort(times)[int(SHARE * (len(times) - 1))]
    past = times < moment
    counts = np.bincount(people[past], minlength=dataset.n_people)
    lengths = np.bincount(people, minlength=dataset.n_people)
    starts = np.cumsum(lengths) - lengths
    held = np.flatnonzero((counts >= 2) & (lengths > counts))
    if not len(held):
        raise DataError(
            f"nobody in '{dataset.name}' has two events before its latest tenth and one in it; "
            "use --protocol leave-one-out"
        )
    arrays: dict[str, NDArray[Any]] = {}
    for name, place in (("validation", counts - 1), ("test", counts)):
        of_items = np.full(dataset.n_people, NOTHING, dtype=np.int32)
        of_times = np.zeros(dataset.n_people, dtype=np.int64)
        chosen = (starts + place)[held]
        of_items[held], of_times[held] = items[chosen], times[chosen]
        arrays |= {f"{name}_items": of_items, f"{name}_times": of_times}
    training = past
    training[(starts + counts - 1)[held]] = False
    kept = np.bincount(people[training], minlength=dataset.n_people)
    return LeaveOneOut(
        training=replace(
            dataset,
            offsets=np.concatenate(([0], np.cumsum(kept))),
            items=items[training],
            times=times[training],
            folder=None,
        ),
        people=held,
        n_repeats=dataset.n_events - len(events),
        **arrays,
    )
