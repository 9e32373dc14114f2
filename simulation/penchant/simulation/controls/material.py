"""What controls learn from: training events, item texts and embeddings, and no held-out event."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset, Int64Array
from penchant.simulation.evaluation import evenly_spaced
from penchant.simulation.split import NOTHING, LeaveOneOut, Stage

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["MOST_EVENTS", "Material", "events_of", "met_before"]

MOST_EVENTS = 2_000_000


@dataclass(frozen=True, eq=False)
class Material:
    """What controls learn from.

    Attributes:
        training: everybody's training events.
        embeddings: float (J, m), the texts' embeddings, of unit norm.
        seed: of every draw of a control.
        known_items: how many items there are in training, the catalogue's first; the others come
            after it.
        people: int64, increasing, whose training events controls learn from: everybody's, or, where
            those are more than ``MOST_EVENTS``, those of as many people as have about so many,
            evenly spaced, and of all who are evaluated.

    Raises:
        DataError: there is not one embedding an item.
    """

    training: Dataset
    embeddings: NDArray[np.floating[Any]]
    seed: int
    known_items: int
    people: Int64Array

    def __post_init__(self) -> None:
        items = self.training.n_items
        if self.embeddings.ndim != 2 or len(self.embeddings) != items:
            raise DataError(
                f"{items} items need embeddings of shape ({items}, m); got {self.embeddings.shape}"
            )

    @classmethod
    def of(
        cls,
        training: Dataset,
        embeddings: NDArray[np.floating[Any]],
        *,
        seed: int,
        evaluated: Int64Array,
        known_items: int | None = None,
        most_events: int = MOST_EVENTS,
    ) -> "Material":
        """Return the material that training events are.

        Args:
            training: everybody's training events.
            embeddings: float (J, m), of unit norm.
            seed: of every draw of a control.
            evaluated: int64, increasing, people who are evaluated.
            known_items: see above; all, if not given.
            most_events: bounds the events that controls learn from.
        """
        people = np.arange(training.n_people)
        if training.n_events > most_events:
            count = max(1, training.n_people * most_events // training.n_events)
            people = np.union1d(evenly_spaced(people, count=count), evaluated)
        known = training.n_items if known_items is None else known_items
        return cls(training, embeddings, seed, known, people)

    @property
    def items(self) -> int:
        """J."""
        return self.training.n_items

    @property
    def texts(self) -> tuple[str, ...]:
        """One an item."""
        return self.training.item_texts

    @cached_property
    def events(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Place in ``people``, item and unix second of each training event, each int64 (events,).

        Person after person, each in order of time.
        """
        training = self.training
        rows, events = events_of(training.offsets, self.people)
        return rows, training.items[events].astype(np.int64), training.times[events]

    @cached_property
    def kinds(self) -> NDArray[np.int8] | None:
        """Number of the kind of each training event, int8 (events,); None if none is told."""
        if self.training.kinds is None:
            return None
        _, events = events_of(self.training.offsets, self.people)
        return self.training.kinds[events]

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """How many of ``people`` have each item among their training events, float64 (J,)."""
        return np.bincount(self.events[1], minlength=self.items).astype(np.float64)

    @cached_property
    def interactions(self) -> "csr_array":
        """Who met what, of shape (people, J), 1 where there is a training event."""
        rows, items, _ = self.events
        return _ones(rows, items, shape=(len(self.people), self.items))


def met_before(split: LeaveOneOut, people: Int64Array, *, stage: Stage) -> "csr_array":
    """Return what ``people`` met before the held-out item of ``stage``: 1 of shape (n, J)."""
    training = split.training
    rows, events = events_of(training.offsets, people)
    items = training.items[events].astype(np.int64)
    if stage == "test":
        last = split.validation_items[people].astype(np.int64)
        there = np.flatnonzero(last != NOTHING)
        rows, items = np.append(rows, there), np.append(items, last[there])
    return _ones(rows, items, shape=(len(people), training.n_items))


def events_of(offsets: Int64Array, people: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the place in ``people`` and the index of each of their events, both int64."""
    lengths = offsets[people + 1] - offsets[people]
    rows = np.repeat(np.arange(len(people)), lengths)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return rows, offsets[people][rows] + within


def _ones(rows: Int64Array, items: Int64Array, *, shape: tuple[int, int]) -> "csr_array":
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows), dtype=np.float32), (rows, items)), shape=shape)
