"""People whose interests change at a known event."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.synthetic.population import Truth

__all__ = ["Switched", "joined", "planted"]

_ONESELF = 1e6  # above any sum of likenesses
PAUSE = 86_400  # seconds between the last event of one person and the first of the other


@dataclass(frozen=True, eq=False)
class Switched:
    """One person's events around a switch.

    Attributes:
        items: int64 (n,), in order of time.
        times: int64 (n,), unix seconds.
        at: the first event after the switch, from 0.
    """

    items: NDArray[np.int64]
    times: NDArray[np.int64]
    at: int


def planted(
    dataset: Dataset, *, among: NDArray[np.int64] | None = None, before: int, after: int
) -> list[Switched]:
    """Return the people of a generated population at their first switch with events enough.

    A person's events end where the next switch begins.

    Args:
        dataset: a generated population.
        among: int64, the people to look at; all, if not given.
        before: events before the switch, at least.
        after: events after it, at least; no more are kept.

    Raises:
        DataError: the data set was not generated, or nobody has such a switch.
    """
    truth = Truth.of(dataset)
    found = [
        Switched(items[: at + after], times[: at + after], at)
        for person in _people(dataset, among)
        for items, times in [_history(dataset, person)]
        for at in _first(truth.switches(person)[0], len(items), before=before, after=after)
    ]
    return _some(found, dataset, before=before, after=after)


def joined(
    dataset: Dataset,
    profiles: NDArray[np.float32],
    *,
    among: NDArray[np.int64] | None = None,
    before: int,
    after: int,
) -> list[Switched]:
    """Return people who go on as somebody else, where nobody knows of real switches.

    Each person with events enough is followed by another with such whose events are unlike theirs:
    real events on both sides, and a switch at a known moment between them. Everybody follows
    somebody once, in the assignment with the least likeness in all, so that both sides have the
    same people. What follows are their latest events, as those before the switch are, because how
    foreseeable events are changes along a history. Items that the first person has met are left
    out of it, so that no event can be known from before.

    Args:
        dataset: people and events.
        profiles: float32 (J, m), unit vectors of the items.
        among: int64, the people to take and to go on as; all, if not given.
        before: events before the switch, at least.
        after: events after it, at least; no more are kept.

    Raises:
        DataError: there are not two such people.
    """
    long = [p for p in _people(dataset, among) if len(dataset.history(p)[0]) >= max(before, after)]
    if len(long) < 2:
        return _some([], dataset, before=before, after=after)
    means = np.stack([profiles[dataset.history(person)[0]].mean(axis=0) for person in long])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    likeness = means @ means.T
    np.fill_diagonal(likeness, _ONESELF)
    _, others = linear_sum_assignment(likeness)
    found = []
    for person, other in zip(long, others.tolist(), strict=True):
        items, times = _history(dataset, person)
        new_items, new_times = _history(dataset, long[other])
        unmet = ~np.isin(new_items, items)
        new_items, new_times = new_items[unmet][-after:], new_times[unmet][-after:]
        if len(new_items) < after:
            continue
        moved = new_times - new_times[0] + times[-1] + PAUSE
        found.append(Switched(np.append(items, new_items), np.append(times, moved), at=len(items)))
    return _some(found, dataset, before=before, after=after)


def _first(switches: NDArray[np.int32], events: int, *, before: int, after: int) -> Iterator[int]:
    ends = np.append(switches, events)[1:]
    for at, end in zip(switches.tolist(), ends.tolist(), strict=True):
        if at >= before and end - at >= after:
            yield at
            return


def _people(dataset: Dataset, among: NDArray[np.int64] | None) -> list[int]:
    return list(range(dataset.n_people)) if among is None else among.tolist()


def _history(dataset: Dataset, person: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    items, times = dataset.history(person)
    return np.asarray(items, dtype=np.int64), np.asarray(times, dtype=np.int64)


def _some(found: list[Switched], dataset: Dataset, *, before: int, after: int) -> list[Switched]:
    if not found:
        raise DataError(
            f"nobody in '{dataset.name}' has a switch with {before} events before it and {after} "
            "after it; ask for fewer with --before and --after, or give longer histories"
        )
    return found
