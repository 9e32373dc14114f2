"""New people and unseen items apart: what a trained ranker is worth to whom it has never seen.

1. A share of the people, drawn at random, are new: they do not train.
2. A share of the items, drawn at random, are unseen: no training event is of them, they are no
   negatives, and the ranker has no numbers of their own; it ranks them by their texts.
3. A person's last event with an unseen item is their test of unseen items, if three events with
   other items come before it. What comes after it is not used.
4. Of the events with other items up to there, the last is the test of known items, the one before
   it the validation, and the rest is training, of people who train.

At each test a device knows all that its person met before, unseen items included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset, Int64Array
from penchant.simulation.meetings import meetings
from penchant.simulation.split import MINIMUM_EVENTS, NOTHING, LeaveOneOut

__all__ = ["GROUPS", "ColdStart", "cold_start"]

NEW_PEOPLE = 0.1
UNSEEN_ITEMS = 0.1
GROUPS = MappingProxyType(
    {
        "known people, known items": (False, False),
        "new people, known items": (True, False),
        "known people, unseen items": (False, True),
        "new people, unseen items": (True, True),
    }
)


@dataclass(frozen=True, eq=False)
class ColdStart:
    """A data set with people and items kept from training.

    Attributes:
        training: leave-one-out of those who train, over the known items.
        known_items: how many those are: the first of ``groups``' catalogue.
        learnt_from: the same split, over all items, for controls that score them all.
        groups: by name, whom and what to test, over all people and items; those who train are the
            first, in the same order.
    """

    training: LeaveOneOut
    known_items: int
    learnt_from: LeaveOneOut
    groups: Mapping[str, LeaveOneOut]

    @property
    def tests(self) -> list[tuple[str, LeaveOneOut, bool]]:
        """Name and split of each group, and whether its held-out items are unseen ones."""
        return [(name, split, GROUPS[name][1]) for name, split in self.groups.items()]


def cold_start(dataset: Dataset, *, rng: np.random.Generator) -> ColdStart:
    """Split a data set by the rule at the top of this module.

    Args:
        dataset: the data set; its people and items are put in another order.
        rng: draws who is new and what is unseen.

    Raises:
        DataError: a group has nobody in it.
    """
    new, unseen = (
        _drawn(size, share, rng)
        for size, share in ((dataset.n_people, NEW_PEOPLE), (dataset.n_items, UNSEEN_ITEMS))
    )
    ordered = _reordered(dataset, people=np.argsort(new), items=np.argsort(unseen))
    known_people, known_items = int((~new).sum()), int((~unseen).sum())
    cut = [_Cut.of(ordered, p, known_items=known_items) for p in range(ordered.n_people)]
    groups = {}
    for name, (is_new, is_unseen) in GROUPS.items():
        split = _group(ordered, cut, unseen=is_unseen)
        chosen = (split.people >= known_people) == is_new
        if not chosen.any():
            raise DataError(
                f"no {name} can be tested in '{dataset.name}': too few people have "
                f"{MINIMUM_EVENTS} events before one with an unseen item"
            )
        groups[name] = split.of_people(split.people[chosen])
    training = _training(ordered, cut, people=known_people, items=known_items)
    whole = replace(training.training, item_ids=ordered.item_ids, item_texts=ordered.item_texts)
    learnt_from = replace(training, training=whole)
    return ColdStart(training, known_items, learnt_from, MappingProxyType(groups))


@dataclass(frozen=True, eq=False)
class _Cut:
    """One person's events, oldest first, and where they are cut.

    Attributes:
        items: of different items.
        times: unix seconds.
        kinds: numbers of kinds.
        known: which are with known items, before the last with an unseen one that can be tested.
        unseen: place of that one, or ``NOTHING``.
    """

    items: NDArray[np.int32]
    times: Int64Array
    kinds: NDArray[np.int8]
    known: Int64Array
    unseen: int

    @classmethod
    def of(cls, dataset: Dataset, person: int, *, known_items: int) -> "_Cut":
        (items, times), kinds = dataset.history(person), dataset.kinds_of(person).astype(np.int8)
        known = np.flatnonzero(items < known_items)
        unseen = np.flatnonzero(items >= known_items)
        if len(unseen):
            last = int(unseen[-1])
            before = known[known < last]
            if len(before) >= MINIMUM_EVENTS:
                return cls(items, times, kinds, before, last)
        return cls(items, times, kinds, known, NOTHING)

    @property
    def splits(self) -> bool:
        """Whether there is enough to hold anything out."""
        return len(self.known) >= MINIMUM_EVENTS


def _drawn(size: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    drawn = np.zeros(size, dtype=np.bool_)
    drawn[rng.choice(size, max(1, round(share * size)), replace=False)] = True
    return drawn


def _reordered(dataset: Dataset, *, people: Int64Array, items: Int64Array) -> Dataset:
    """Put people and items in another order, and leave out repeats."""
    events = meetings(dataset)
    person_places, item_places = np.argsort(people), np.argsort(items)
    return Dataset.from_events(
        dataset.name,
        item_ids=[dataset.item_ids[item] for item in items],
        item_texts=[dataset.item_texts[item] for item in items],
        person_ids=[dataset.person_ids[person] for person in people],
        people=person_places[dataset.people[events]],
        items=item_places[dataset.items[events]],
        times=dataset.times[events],
        kinds=None if dataset.kinds is None else dataset.kinds[events],
    )


def _group(dataset: Dataset, cut: list[_Cut], *, unseen: bool) -> LeaveOneOut:
    """Return the tests of known or of unseen items, of everybody who has one."""
    histories, held = [], np.full((2, dataset.n_people), NOTHING)
    for person, own in enumerate(cut):
        test = own.unseen if unseen else int(own.known[-1]) if own.splits else NOTHING
        if test == NOTHING:
            histories.append(own.known)
            continue
        # Whatever came last before the test stands where leave-one-out has its validation.
        histories.append(np.arange(test - 1))
        held[:, person] = test - 1, test
    return _split(dataset, cut, histories, held)


def _training(dataset: Dataset, cut: list[_Cut], *, people: int, items: int) -> LeaveOneOut:
    """Return leave-one-out of the first ``people`` over the first ``items``, without the tests."""
    histories, held = [], np.full((2, people), NOTHING)
    for person, own in enumerate(cut[:people]):
        if not own.splits:
            histories.append(own.known)
            continue
        histories.append(own.known[:-2])
        held[:, person] = own.known[-2:]
    return _split(dataset, cut, histories, held, items=items)


def _split(
    dataset: Dataset,
    cut: list[_Cut],
    histories: list[Int64Array],
    held: Int64Array,
    *,
    items: int | None = None,
) -> LeaveOneOut:
    """Return the split of the people that there are histories of, over the first ``items``.

    Args:
        dataset: the data set.
        cut: everybody's events.
        histories: places of people's training events among their own.
        held: int64 (2, people), places of validation and test likewise, or ``NOTHING``.
        items: how many items of the catalogue there are.
    """
    offsets = np.concatenate(([0], np.cumsum([len(history) for history in histories])))
    events = list(zip(cut, histories, strict=False))
    of_people = [_Held.of(cut, places) for places in held]
    has_kinds = dataset.kinds is not None
    return LeaveOneOut(
        training=replace(
            dataset,
            item_ids=dataset.item_ids[:items],
            item_texts=dataset.item_texts[:items],
            person_ids=dataset.person_ids[: len(histories)],
            offsets=offsets,
            items=np.concatenate([own.items[history] for own, history in events]),
            times=np.concatenate([own.times[history] for own, history in events]),
            folder=None,
            impressions=None,
            kinds=np.concatenate([own.kinds[h] for own, h in events]) if has_kinds else None,
        ),
        people=np.flatnonzero(held[1] != NOTHING),
        validation_items=of_people[0].items,
        validation_times=of_people[0].times,
        test_items=of_people[1].items,
        test_times=of_people[1].times,
        n_repeats=0,
        validation_kinds=of_people[0].kinds if has_kinds else None,
    )


@dataclass(frozen=True, eq=False)
class _Held:
    """One event of each person: its item, or ``NOTHING``, its time and its kind."""

    items: NDArray[np.int32]
    times: Int64Array
    kinds: NDArray[np.int8]

    @classmethod
    def of(cls, cut: list[_Cut], places: Int64Array) -> "_Held":
        items = np.full(len(places), NOTHING, dtype=np.int32)
        times = np.zeros(len(places), dtype=np.int64)
        kinds = np.zeros(len(places), dtype=np.int8)
        for person in np.flatnonzero(places != NOTHING):
            own, place = cut[person], places[person]
            items[person], times[person] = own.items[place], own.times[place]
            kinds[person] = own.kinds[place]
        return cls(items, times, kinds)
