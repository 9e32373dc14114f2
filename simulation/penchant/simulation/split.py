"""Leave-one-out by time: each person's last event is the test, the one before it the validation.

The rule, step by step:

1. A person's events are in order of time; events of the same second keep the source file's order.
2. Of several events with the same item only the first counts. The others are dropped (and counted
   in ``n_repeats``), so that a held-out item is never among the same person's training items.
3. Last event: test. The one before: validation. The rest: training.
4. People with fewer than three events left have nothing held out; all they have is training.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.datasets.dataset import Dataset, Int32Array, Int64Array

__all__ = ["NOTHING", "LeaveOneOut", "Stage", "leave_one_out"]

Stage: TypeAlias = Literal["validation", "test"]

NOTHING = -1  # stands for the held-out item of somebody who has none
MINIMUM_EVENTS = 3


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """A data set split into training events, one validation item and one test item a person.

    Args:
        training: the training events, of the same people over the same catalogue.
        validation_items: int32 of shape (people,), item indices, or ``NOTHING``.
        validation_times: int64 of shape (people,), unix seconds; 0 where there is no item.
        test_items: as ``validation_items``.
        test_times: as ``validation_times``.
        n_repeats: events dropped because the person had met the item before.
    """

    training: Dataset
    validation_items: Int32Array
    validation_times: Int64Array
    test_items: Int32Array
    test_times: Int64Array
    n_repeats: int

    @property
    def people(self) -> Int64Array:
        """The people who have held-out items: int64, increasing."""
        return np.flatnonzero(self.test_items != NOTHING)

    @property
    def n_training_only(self) -> int:
        """Number of people with too few events to hold any out."""
        return self.training.n_people - self.people.size

    def targets(self, stage: Stage) -> Int32Array:
        """Return the held-out item of every person: int32 of shape (people,)."""
        return self.validation_items if stage == "validation" else self.test_items

    def history(self, person: int, *, stage: Stage) -> tuple[Int32Array, Int64Array]:
        """Return what a person's device knows when it ranks at this stage, oldest first.

        At validation these are the training events; at test the validation event comes after them.

        Args:
            person: index of a person.
            stage: which held-out item is being predicted.

        Returns:
            Items (int32) and unix seconds (int64) of shape (events,).
        """
        items, times = self.training.history(person)
        if stage == "validation" or self.validation_items[person] == NOTHING:
            return items, times
        return (
            np.append(items, self.validation_items[person]),
            np.append(times, self.validation_times[person]),
        )

    def observed(self, people: Int64Array, *, stage: Stage) -> NDArray[np.bool_]:
        """Mark the items that each person has met before the held-out one.

        Args:
            people: integers of shape (n,), indices of people.
            stage: which held-out item is being predicted.

        Returns:
            bool of shape (n, items): training items, and at test the validation item too.
        """
        mask = np.zeros((len(people), self.training.n_items), dtype=np.bool_)
        starts = self.training.offsets[people]
        lengths = self.training.offsets[np.asarray(people) + 1] - starts
        rows = np.repeat(np.arange(len(people)), lengths)
        within = np.arange(rows.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        mask[rows, self.training.items[np.repeat(starts, lengths) + within]] = True
        if stage == "test":
            extra = self.validation_items[people]
            mask[np.flatnonzero(extra != NOTHING), extra[extra != NOTHING]] = True
        return mask


def leave_one_out(dataset: Dataset) -> LeaveOneOut:
    """Split a data set by the rule at the top of this module.

    >>> cinema = Dataset.from_events(
    ...     "cinema",
    ...     item_ids=["a", "b", "c"],
    ...     item_texts=["Alien", "Brazil", "Casablanca"],
    ...     person_ids=["ann"],
    ...     people=[0, 0, 0, 0],
    ...     items=[2, 0, 1, 2],
    ...     times=[10, 20, 30, 40],
    ... )
    >>> split = leave_one_out(cinema)
    >>> split.training.items.tolist(), split.validation_items.tolist(), split.test_items.tolist()
    ([2], [0], [1])
    >>> split.n_repeats
    1
    """
    people = dataset.people
    pairs = people * dataset.n_items + dataset.items
    kept = np.sort(np.unique(pairs, return_index=True)[1])  # the first event of each pair
    people, items, times = people[kept], dataset.items[kept], dataset.times[kept]
    lengths = np.bincount(people, minlength=dataset.n_people)
    ends = np.cumsum(lengths)
    split_people = np.flatnonzero(lengths >= MINIMUM_EVENTS)

    def hold_out(from_end: int) -> tuple[Int32Array, Int64Array]:
        events = ends[split_people] - from_end
        held_items = np.full(dataset.n_people, NOTHING, dtype=np.int32)
        held_times = np.zeros(dataset.n_people, dtype=np.int64)
        held_items[split_people], held_times[split_people] = items[events], times[events]
        return held_items, held_times

    validation_items, validation_times = hold_out(2)
    test_items, test_times = hold_out(1)
    is_training = np.ones(items.size, dtype=np.bool_)
    is_training[ends[split_people] - 1] = is_training[ends[split_people] - 2] = False
    return LeaveOneOut(
        training=Dataset.from_events(
            dataset.name,
            item_ids=dataset.item_ids,
            item_texts=dataset.item_texts,
            person_ids=dataset.person_ids,
            people=people[is_training],
            items=items[is_training],
            times=times[is_training],
        ),
        validation_items=validation_items,
        validation_times=validation_times,
        test_items=test_items,
        test_times=test_times,
        n_repeats=dataset.n_events - int(items.size),
    )
