"""Who did what and when: people, a catalogue of items with texts, and events in order of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.client.events import EventKind
from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets.impressions import Impressions
from penchant.simulation.datasets.numbered import Numbered
from penchant.simulation.datasets.soundness import (
    check_indices,
    check_kinds,
    check_names,
    check_offsets,
    frozen,
    parts_of,
)

__all__ = ["Dataset", "Int8Array", "Int32Array", "Int64Array"]

Int8Array = NDArray[np.int8]
Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Events of many people over one catalogue, person after person, each in order of time.

    Person ``i`` has the events ``offsets[i]`` to ``offsets[i + 1]`` (exclusive). The arrays are
    read-only, and may be mapped from files. Build one from events in any order with
    :meth:`from_events`.

    Args:
        name: name of the data set, such as ``"movielens-100k"``.
        item_ids: the catalogue's identifiers, distinct, of length J.
        item_texts: what each item is, in words, of length J.
        person_ids: the people's identifiers, distinct, of length n: a tuple, or ``Numbered``.
        offsets: int64 of shape (n + 1,), where each person's events begin.
        items: int32 of shape (events,), indices into ``item_ids``.
        times: int64 of shape (events,), unix seconds, never decreasing within a person.
        folder: holds ``offsets.npy``, ``items.npy`` and ``times.npy``, of these people and perhaps
            more after them, from which the arrays are mapped; None if they are in memory.
        has_times: whether times are real; if not they only tell a person's events' order, an hour
            apart, and nothing about two people.
        impressions: what people were shown at once, and what of it they clicked; None if the
            source has none. Its clicks are among the events.
        kinds: int8 of shape (events,), the number of each event's kind (``EventKind.number``); None
            if the source tells none. Dislikes are not among them: events are what people chose.

    Raises:
        DataError: the parts do not fit together.

    >>> cinema = Dataset.from_events(
    ...     "cinema",
    ...     item_ids=["m1", "m2"],
    ...     item_texts=["Alien", "Heat"],
    ...     person_ids=["ann", "bob"],
    ...     people=[1, 0, 1],
    ...     items=[0, 0, 1],
    ...     times=[30, 10, 20],
    ... )
    >>> [item.tolist() for item in cinema.history(1)]
    [[1, 0], [20, 30]]
    """

    name: str
    item_ids: tuple[str, ...]
    item_texts: tuple[str, ...]
    person_ids: Sequence[str]
    offsets: Int64Array
    items: Int32Array
    times: Int64Array
    folder: Path | None = None
    has_times: bool = True
    impressions: Impressions | None = None
    kinds: Int8Array | None = None

    def __post_init__(self) -> None:
        check_names("item", self.item_ids)
        check_names("person", self.person_ids)
        if len(self.item_texts) != self.n_items:
            raise DataError(
                f"data set '{self.name}' has {self.n_items} items but {len(self.item_texts)} item "
                "texts; give one text an item"
            )
        for field, dtype in (("offsets", np.int64), ("items", np.int32), ("times", np.int64)):
            object.__setattr__(self, field, frozen(field, getattr(self, field), dtype))
        check_offsets(self.offsets, n_people=self.n_people, n_events=self.items.size)
        if self.times.size != self.items.size:
            raise DataError(
                f"data set '{self.name}' has {self.items.size} event items but {self.times.size} "
                "event times; give one time an event"
            )
        check_indices("item", self.items, size=self.n_items)
        self._check_order()
        if self.kinds is not None:
            object.__setattr__(self, "kinds", frozen("kinds", self.kinds, np.int8))
            check_kinds(self.kinds, n_events=self.items.size)
        if self.impressions is not None:
            check_indices("person", self.impressions.people, size=self.n_people)
            check_indices("item", self.impressions.items, size=self.n_items)

    @classmethod
    def from_events(
        cls,
        name: str,
        *,
        item_ids: list[str] | tuple[str, ...],
        item_texts: list[str] | tuple[str, ...],
        person_ids: Sequence[str],
        people: ArrayLike,
        items: ArrayLike,
        times: ArrayLike,
        has_times: bool = True,
        impressions: Impressions | None = None,
        kinds: ArrayLike | None = None,
    ) -> "Dataset":
        """Sort events by person, then time; events of the same second keep the order given.

        Args:
            name: name of the data set.
            item_ids: the catalogue's identifiers.
            item_texts: one text an item.
            person_ids: the people's identifiers.
            people: integers of shape (events,), indices into ``person_ids``.
            items: integers of shape (events,), indices into ``item_ids``.
            times: integers of shape (events,), unix seconds.
            has_times: whether these are times, and not merely an order.
            impressions: what people were shown at once.
            kinds: numbers of kinds, of shape (events,), if they are known.

        Raises:
            DataError: lengths differ, or an index lies outside its table.
        """
        who = np.asarray(people, dtype=np.int64)
        what = np.asarray(items, dtype=np.int64)
        when = np.asarray(times, dtype=np.int64)
        if not who.shape == what.shape == when.shape or who.ndim != 1:
            raise DataError(
                f"events of '{name}' need one person, item and time each; got shapes "
                f"{who.shape}, {what.shape} and {when.shape}"
            )
        how = None if kinds is None else np.asarray(kinds, dtype=np.int8)
        if how is not None and how.shape != who.shape:
            raise DataError(
                f"events of '{name}' need one kind each; got shapes {who.shape} and {how.shape}"
            )
        check_indices("person", who, size=len(person_ids))
        check_indices("item", what, size=len(item_ids))
        order = np.lexsort((when, who))  # lexsort is stable
        counts = np.bincount(who, minlength=len(person_ids))
        return cls(
            name=name,
            item_ids=tuple(item_ids),
            item_texts=tuple(item_texts),
            person_ids=person_ids if isinstance(person_ids, Numbered) else tuple(person_ids),
            offsets=np.concatenate(([0], np.cumsum(counts))),
            items=what[order].astype(np.int32),
            times=when[order],
            has_times=has_times,
            impressions=impressions,
            kinds=None if how is None else how[order],
        )

    @property
    def n_people(self) -> int:
        """Number of people."""
        return len(self.person_ids)

    @property
    def n_items(self) -> int:
        """Number of items in the catalogue, whether or not anyone met them."""
        return len(self.item_ids)

    @property
    def n_events(self) -> int:
        """Number of events of all people."""
        return int(self.items.size)

    @property
    def item_words(self) -> tuple[str, ...]:
        """What a language model is told of each item: its text, or its identifier without one."""
        pairs = zip(self.item_texts, self.item_ids, strict=True)
        return tuple(text if text.strip() else item for text, item in pairs)

    @property
    def people(self) -> Int64Array:
        """The person of each event: int64 of shape (events,), made anew at each call."""
        return np.repeat(np.arange(self.n_people), np.diff(self.offsets))

    def history(self, person: int) -> tuple[Int32Array, Int64Array]:
        """Return one person's items and times, oldest first.

        Args:
            person: index into ``person_ids``.

        Returns:
            Items (int32) and unix seconds (int64), both of shape (events of this person,).

        Raises:
            DataError: there is no such person.
        """
        if not 0 <= person < self.n_people:
            raise DataError(
                f"data set '{self.name}' has people 0 to {self.n_people - 1}; got {person}"
            )
        own = slice(self.offsets[person], self.offsets[person + 1])
        return self.items[own], self.times[own]

    def kinds_of(self, person: int) -> Int64Array:
        """Return the numbers of the kinds of one person's events, int64, oldest first.

        Where the source tells none, all are views.

        Args:
            person: index into ``person_ids``.
        """
        items, _ = self.history(person)
        if self.kinds is None:
            return np.full(len(items), EventKind.VIEW.number, dtype=np.int64)
        return self.kinds[self.offsets[person] : self.offsets[person + 1]].astype(np.int64)

    def head(self, people: int) -> "Dataset":
        """Return the data set of the first ``people`` people, in the order of ``person_ids``.

        The catalogue stays whole: which items exist is public, and must not depend on how many
        devices are simulated.

        Raises:
            ConfigurationError: there are fewer people, or ``people`` is less than one.
        """
        if not 1 <= people <= self.n_people:
            raise ConfigurationError(
                f"data set '{self.name}' has {self.n_people} people; got {people}; "
                f"ask for 1 to {self.n_people}"
            )
        end = self.offsets[people]
        return Dataset(
            name=self.name,
            item_ids=self.item_ids,
            item_texts=self.item_texts,
            person_ids=self.person_ids[:people],
            offsets=self.offsets[: people + 1],
            items=self.items[:end],
            times=self.times[:end],
            folder=self.folder,
            has_times=self.has_times,
            impressions=self.impressions and self.impressions.head(people),
            kinds=None if self.kinds is None else self.kinds[:end],
        )

    def _check_order(self) -> None:
        for part in parts_of(self.n_events - 1):
            later = self.times[part.start + 1 : part.stop + 1]
            backwards = np.flatnonzero(later < self.times[part]) + part.start + 1
            # Where a person's events begin, time may go back: they are after another's.
            begins = self.offsets[np.searchsorted(self.offsets, backwards)] == backwards
            if not begins.all():
                event = backwards[np.argmin(begins)]
                person = int(np.searchsorted(self.offsets, event, side="right")) - 1
                raise DataError(
                    f"events of person '{self.person_ids[person]}' in '{self.name}' are not in "
                    "order of time; build the data set with Dataset.from_events, which sorts them"
                )
