"""Leave-one-out by time: each person's last event is the test, the one before it the validation.

The rule, step by step:

1. A person's events are in order of time; events of the same second keep the source file's order.
2. Of several events with the same item only the first counts. The others are dropped (and counted
   in ``n_repeats``), so that a held-out item is never among the same person's training items.
3. Last event: test. The one before: validation. The rest: training.
4. People with fewer than three events left have nothing held out; all they have is training.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset, Int32Array, Int64Array
from penchant.simulation.datasets.storage import ArrayFiles, kept, mapped

__all__ = ["MINIMUM_EVENTS", "NOTHING", "LeaveOneOut", "Stage", "first_meetings", "leave_one_out"]

Stage: TypeAlias = Literal["validation", "test"]

NOTHING = -1  # stands for the held-out item of somebody who has none
MINIMUM_EVENTS = 3

_EVENTS_AT_ONCE, _PEOPLE_AT_ONCE = 1_000_000, 100_000
_RULE = 1  # names kept splits: raise it whenever the rule above changes
_ARRAYS = {
    "offsets": np.int64,
    "items": np.int32,
    "times": np.int64,
    "validation_items": np.int32,
    "validation_times": np.int64,
    "test_items": np.int32,
    "test_times": np.int64,
    "repeats": np.int64,
}


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """A data set split into training events, one validation item and one test item a person.

    Args:
        training: the training events, of the same people over the same catalogue.
        people: int64, increasing, the people to evaluate: all who have held-out items, or some.
        validation_items: int32 of shape (people of the data set,), item indices, or ``NOTHING``.
        validation_times: int64 of the same shape, unix seconds; 0 where there is no item.
        test_items: as ``validation_items``.
        test_times: as ``validation_times``.
        n_repeats: events dropped because the person had met the item before.
    """

    training: Dataset
    people: Int64Array
    validation_items: Int32Array
    validation_times: Int64Array
    test_items: Int32Array
    test_times: Int64Array
    n_repeats: int

    @property
    def n_training_only(self) -> int:
        """Number of people with too few events to hold any out."""
        return int(np.count_nonzero(self.test_items == NOTHING))

    def of_people(self, people: Int64Array) -> "LeaveOneOut":
        """Return the same split with only ``people``, increasing, to evaluate.

        Raises:
            DataError: one of them has no held-out items.
        """
        without = people[self.test_items[people] == NOTHING]
        if len(without):
            raise DataError(
                f"person {without[0]} of '{self.training.name}' has no held-out items; "
                "evaluate people who have"
            )
        return replace(self, people=people)

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

    The split of a data set that is mapped from files is kept beside them, and mapped as well.

    Raises:
        DataError: it cannot be kept there.

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
    home = None
    if dataset.folder is None:
        parts = list(_parts(dataset))
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in _ARRAYS}
    else:
        home = dataset.folder / f"leave-one-out-{dataset.n_people}-{_RULE}"
        kept(home, partial(_write, dataset))
        arrays = {name: mapped(home, name) for name in _ARRAYS}
    test_items = arrays["test_items"]
    return LeaveOneOut(
        training=replace(
            dataset,
            offsets=arrays["offsets"],
            items=arrays["items"],
            times=arrays["times"],
            folder=home,
        ),
        people=np.flatnonzero(test_items != NOTHING),
        validation_items=arrays["validation_items"],
        validation_times=arrays["validation_times"],
        test_items=test_items,
        test_times=arrays["test_times"],
        n_repeats=int(arrays["repeats"].sum()),
    )


def first_meetings(dataset: Dataset) -> Int64Array:
    """Return the places of events in which a person meets an item for the first time, int64."""
    pairs = dataset.people * dataset.n_items + dataset.items
    return np.sort(np.unique(pairs, return_index=True)[1])


def _write(dataset: Dataset, folder: Path) -> None:
    with ArrayFiles(folder, {name: (dtype, ()) for name, dtype in _ARRAYS.items()}) as files:
        for part in _parts(dataset):
            files.append(**part)


def _parts(dataset: Dataset) -> Iterator[dict[str, NDArray[Any]]]:
    """Split some people after the others, so that memory is bounded by a part of them.

    Yields:
        Pieces of ``_ARRAYS`` to be joined; the first is what goes before all people.
    """
    yield {name: np.zeros(int(name == "offsets"), dtype) for name, dtype in _ARRAYS.items()}
    first = training_events = 0
    while first < dataset.n_people:
        limit = dataset.offsets[first] + _EVENTS_AT_ONCE
        beyond = int(np.searchsorted(dataset.offsets, limit, side="right")) - 1
        end = min(max(beyond, first + 1), first + _PEOPLE_AT_ONCE)
        part = _part(dataset, first, end)
        part["offsets"] = training_events + np.cumsum(part.pop("counts"))
        yield part
        first, training_events = end, int(part["offsets"][-1])


def _part(dataset: Dataset, first: int, end: int) -> dict[str, NDArray[Any]]:
    """Split the people from ``first`` to ``end``, exclusive; ``counts``: their training events."""
    n_people, own = end - first, slice(dataset.offsets[first], dataset.offsets[end])
    people = np.repeat(np.arange(n_people), np.diff(dataset.offsets[first : end + 1]))
    pairs = people * dataset.n_items + dataset.items[own]
    first_meetings = np.sort(np.unique(pairs, return_index=True)[1])
    people = people[first_meetings]
    items, times = dataset.items[own][first_meetings], dataset.times[own][first_meetings]
    lengths = np.bincount(people, minlength=n_people)
    ends = np.cumsum(lengths)
    split_people = np.flatnonzero(lengths >= MINIMUM_EVENTS)

    def hold_out(from_end: int) -> tuple[Int32Array, Int64Array]:
        events = ends[split_people] - from_end
        held_items = np.full(n_people, NOTHING, dtype=np.int32)
        held_times = np.zeros(n_people, dtype=np.int64)
        held_items[split_people], held_times[split_people] = items[events], times[events]
        return held_items, held_times

    validation_items, validation_times = hold_out(2)
    test_items, test_times = hold_out(1)
    is_training = np.ones(items.size, dtype=np.bool_)
    is_training[ends[split_people] - 1] = is_training[ends[split_people] - 2] = False
    lengths[split_people] -= 2
    return {
        "counts": lengths,
        "items": items[is_training],
        "times": times[is_training],
        "validation_items": validation_items,
        "validation_times": validation_times,
        "test_items": test_items,
        "test_times": test_times,
        "repeats": np.array([len(pairs) - items.size]),
    }
