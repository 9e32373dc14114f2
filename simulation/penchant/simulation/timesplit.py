"""The global time split: one moment for everybody, before which all training is.

1. The moment is the ``SHARE`` quantile of all events' times. Events at or after it are the future.
2. Test: a person's first event of the future with an item that they had not met before.
3. Validation: a person's last event before the moment. The rest before it: training.
4. Whoever has fewer than two events before the moment, or no such event after it, has nothing held
   out; all they have before the moment is training. Later events of the future are not used.

Of several events of one person with the same item only one counts, as in leave-one-out. Where only
some kinds are targets, "event" in 2 and 3 and the last event in 4 mean a target; what is between
the validation and the moment is not used.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.client.events import EventKind
from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.meetings import are_targets, meetings
from penchant.simulation.split import NOTHING, LeaveOneOut

__all__ = ["SHARE", "time_split"]

SHARE = 0.9


def time_split(dataset: Dataset, *, targets: Collection[EventKind] = ()) -> LeaveOneOut:
    """Split a data set by the rule at the top of this module.

    Args:
        dataset: the data set.
        targets: kinds of events that can be held out; none for all.

    Raises:
        DataError: nobody has events both before and after the moment; or only some kinds are
            targets, and there are no kinds.

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
    events = meetings(dataset, targets)
    people, items, times = dataset.people[events], dataset.items[events], dataset.times[events]
    kinds = None if dataset.kinds is None else dataset.kinds[events]
    chosen = are_targets(dataset, kinds, targets, events=len(events))
    # The event at the quantile, not a time between two: it works for times that are only an order.
    moment = np.sort(times)[int(SHARE * (len(times) - 1))]
    past = times < moment
    lengths = np.bincount(people, minlength=dataset.n_people)
    starts = np.cumsum(lengths) - lengths
    places = {"validation": starts - 1, "test": np.full(dataset.n_people, NOTHING)}
    # Of several events of a person the last that is written stays.
    early, late = np.flatnonzero(past & chosen), np.flatnonzero(~past & chosen)[::-1]
    places["validation"][people[early]] = early
    places["test"][people[late]] = late
    held = np.flatnonzero((places["validation"] > starts) & (places["test"] != NOTHING))
    if not len(held):
        raise DataError(
            f"nobody in '{dataset.name}' has two events before its latest tenth and one in it; "
            "use --protocol leave-one-out"
        )
    arrays: dict[str, NDArray[Any]] = {}
    for name, place in places.items():
        of_items = np.full(dataset.n_people, NOTHING, dtype=np.int32)
        of_times = np.zeros(dataset.n_people, dtype=np.int64)
        of_items[held], of_times[held] = items[place[held]], times[place[held]]
        arrays |= {f"{name}_items": of_items, f"{name}_times": of_times}
    limits = np.full(dataset.n_people, len(events))
    limits[held] = places["validation"][held]
    training = past & (np.arange(len(events)) < limits[people])
    kept = np.bincount(people[training], minlength=dataset.n_people)
    if kinds is not None:
        arrays["validation_kinds"] = np.zeros(dataset.n_people, dtype=np.int8)
        arrays["validation_kinds"][held] = kinds[places["validation"][held]]
    return LeaveOneOut(
        training=replace(
            dataset,
            offsets=np.concatenate(([0], np.cumsum(kept))),
            items=items[training],
            times=times[training],
            folder=None,
            kinds=None if kinds is None else kinds[training],
        ),
        people=held,
        n_repeats=dataset.n_events - len(events),
        **arrays,
    )
