"""Leave-one-out by time: each person's last event is the test, the one before it the validation.

The rule, step by step:

1. A person's events are in order of time; events of the same second keep the source file's order.
2. Of several events with the same item only one counts: the first, or, where there are kinds, the
   first of the kind that says most (``meetings``). The others are dropped (and counted in
   ``n_repeats``), so that a held-out item is never among the same person's training items.
3. Last event: test. The one before: validation. The rest: training.
4. People with fewer than three events left have nothing held out; all they have is training.

Where only some kinds are targets, such as purchases, the last target is the test and the one before
it the validation; what is before that, of whatever kind, is training, and what is between and after
the two is not used. People with fewer than two targets, or nothing before them, only train.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from penchant.client.events import EventKind
from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset, Int8Array, Int32Array, Int64Array
from penchant.simulation.datasets.storage import ArrayFiles, kept, mapped
from penchant.simulation.meetings import are_targets, one_a_pair

__all__ = ["MINIMUM_EVENTS", "NOTHING", "LeaveOneOut", "Stage", "leave_one_out"]

Stage: TypeAlias = Literal["validation", "test"]

NOTHING = -1  # stands for the held-out item of somebody who has none
MINIMUM_EVENTS = 3

_EVENTS_AT_ONCE, _PEOPLE_AT_ONCE = 1_000_000, 100_000
_RULE = 1  # names kept splits: raise it whenever the rule above changes
_ARRAYS: dict[str, DTypeLike] = {
    "offsets": np.int64,
    "items": np.int32,
    "times": np.int64,
    "validation_items": np.int32,
    "validation_times": np.int64,
    "test_items": np.int32,
    "test_times": np.int64,
    "repeats": np.int64,
}
_KINDS: dict[str, DTypeLike] = {
    "kinds": np.int8,
    "validation_kinds": np.int8,
}  # of data sets that tell kinds


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
        n_repeats: events dropped because another of the person's stands for the same item.
        validation_kinds: int8 of the same shape as ``validation_items``, numbers of kinds, 0 where
            there is no item; None if the data set tells none.
    """

    training: Dataset
    people: Int64Array
    validation_items: Int32Array
    validation_times: Int64Array
    test_items: Int32Array
    test_times: Int64Array
    n_repeats: int
    validation_kinds: Int8Array | None = None

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


def leave_one_out(dataset: Dataset, *, targets: Collection[EventKind] = ()) -> LeaveOneOut:
    """Split a data set by the rule at the top of this module.

    The split of a data set that is mapped from files is kept beside them, and mapped as well.

    Args:
        dataset: the data set.
        targets: kinds of events that can be held out; none for all.

    Raises:
        DataError: it cannot be kept there; or only some kinds are targets, and there are no kinds.

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
    home, names = None, _names(dataset)
    if dataset.folder is None:
        parts = list(_parts(dataset, targets))
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in names}
    else:
        called = "-".join(["", *sorted(targets)])
        home = dataset.folder / f"leave-one-out-{dataset.n_people}-{_RULE}{called}"
        kept(home, partial(_write, dataset, targets))
        arrays = {name: mapped(home, name) for name in names}
    test_items = arrays["test_items"]
    return LeaveOneOut(
        training=replace(
            dataset,
            offsets=arrays["offsets"],
            items=arrays["items"],
            times=arrays["times"],
            folder=home,
            kinds=arrays.get("kinds"),
        ),
        people=np.flatnonzero(test_items != NOTHING),
        validation_items=arrays["validation_items"],
        validation_times=arrays["validation_times"],
        test_items=test_items,
        test_times=arrays["test_times"],
        n_repeats=int(arrays["repeats"].sum()),
        validation_kinds=arrays.get("validation_kinds"),
    )


def _names(dataset: Dataset) -> dict[str, DTypeLike]:
    return _ARRAYS if dataset.kinds is None else _ARRAYS | _KINDS


def _write(dataset: Dataset, targets: Collection[EventKind], folder: Path) -> None:
    arrays: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
        name: (dtype, ()) for name, dtype in _names(dataset).items()
    }
    with ArrayFiles(folder, arrays) as files:
        for part in _parts(dataset, targets):
            files.append(**part)


def _parts(dataset: Dataset, targets: Collection[EventKind]) -> Iterator[dict[str, NDArray[Any]]]:
    """Split some people after the others, so that memory is bounded by a part of them.

    Yields:
        Pieces of ``_ARRAYS`` to be joined; the first is what goes before all people.
    """
    names = _names(dataset)
    yield {name: np.zeros(int(name == "offsets"), dtype) for name, dtype in names.items()}
    first = training_events = 0
    while first < dataset.n_people:
        limit = dataset.offsets[first] + _EVENTS_AT_ONCE
        beyond = int(np.searchsorted(dataset.offsets, limit, side="right")) - 1
        end = min(max(beyond, first + 1), first + _PEOPLE_AT_ONCE)
        part = _part(dataset, targets, first, end)
        part["offsets"] = training_events + np.cumsum(part.pop("counts"))
        yield part
        first, training_events = end, int(part["offsets"][-1])


def _part(
    dataset: Dataset, targets: Collection[EventKind], first: int, end: int
) -> dict[str, NDArray[Any]]:
    """Split the people from ``first`` to ``end``, exclusive; ``counts``: their training events."""
    n_people, own = end - first, slice(dataset.offsets[first], dataset.offsets[end])
    people = np.repeat(np.arange(n_people), np.diff(dataset.offsets[first : end + 1]))
    pairs = people * dataset.n_items + dataset.items[own]
    known_kinds = None if dataset.kinds is None else dataset.kinds[own]
    met = one_a_pair(pairs, known_kinds, targets)
    people, items, times = people[met], dataset.items[own][met], dataset.times[own][met]
    kinds = None if known_kinds is None else known_kinds[met]
    chosen = np.flatnonzero(are_targets(dataset, kinds, targets, events=len(met)))
    split_people, validation, test = _held_out(people, chosen, n_people=n_people)

    def held(values: NDArray[Any], events: Int64Array, nothing: int) -> NDArray[Any]:
        of_people = np.full(n_people, nothing, dtype=values.dtype)
        of_people[split_people] = values[events]
        return of_people

    limits = np.full(n_people, len(met))
    limits[split_people] = validation
    is_training = np.arange(len(met)) < limits[people]
    part: dict[str, NDArray[Any]] = {
        "counts": np.bincount(people[is_training], minlength=n_people),
        "items": items[is_training],
        "times": times[is_training],
        "validation_items": held(items, validation, NOTHING),
        "validation_times": held(times, validation, 0),
        "test_items": held(items, test, NOTHING),
        "test_times": held(times, test, 0),
        "repeats": np.array([len(pairs) - len(met)]),
    }
    if kinds is not None:
        part["kinds"], part["validation_kinds"] = kinds[is_training], held(kinds, validation, 0)
    return part


def _held_out(
    people: Int64Array, chosen: Int64Array, *, n_people: int
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return who has events held out, and the places of their validation and test events.

    Args:
        people: int64 (events,), whose the events are, never decreasing.
        chosen: int64, places of the events that can be held out, increasing.
        n_people: how many people there are.
    """
    counts = np.bincount(people[chosen], minlength=n_people)
    lengths = np.bincount(people, minlength=n_people)
    held = np.flatnonzero((counts >= 2) & (lengths >= MINIMUM_EVENTS))
    ends = np.cumsum(counts)[held]
    validation, test = chosen[ends - 2], chosen[ends - 1]
    before = validation > (np.cumsum(lengths) - lengths)[held]
    return held[before], validation[before], test[before]
