"""From events with names to a data set with numbers, piece by piece."""

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.client.events import EventKind
from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset, Int8Array, Int32Array, Int64Array

__all__ = ["ORDER_STEP", "Assembly", "in_order", "kind_numbers"]

ORDER_START = 946_684_800  # the year 2000
ORDER_STEP = 3600


class Assembly:
    """Events on their way to a data set.

    People and items are numbered as they come. Once the data set is made, ``kept`` marks the people
    who are in it, bool of shape (people that came,), and ``n_few`` counts those who are not.

    Args:
        items: identifiers of a catalogue that is known beforehand, to be numbered first.
    """

    def __init__(self, items: Iterable[str] = ()) -> None:
        self._people: dict[str, int] = {}
        self._items = {item: number for number, item in enumerate(items)}
        self._parts: list[tuple[Int32Array, Int32Array, Int64Array]] = []
        self._kinds: list[Int8Array] = []
        self._rows = 0
        self.n_few = 0
        self.kept: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    @property
    def n_items(self) -> int:
        """Number of items so far."""
        return len(self._items)

    @property
    def rows(self) -> int:
        """Number of events so far."""
        return self._rows

    def people(self, names: pl.Series) -> Int32Array:
        """Return people's numbers, int32, those of new ones included."""
        return _numbers(names, self._people)

    def items(self, names: pl.Series) -> Int32Array:
        """Return items' numbers, int32, those of new ones included."""
        return _numbers(names, self._items)

    def add(
        self, people: pl.Series, items: pl.Series, times: Int64Array, kinds: pl.Series | None = None
    ) -> None:
        """Add events.

        Args:
            people: their names.
            items: their names.
            times: int64, unix seconds.
            kinds: names of kinds; given with all events or with none.
        """
        numbers = None if kinds is None else kind_numbers(kinds)
        self.add_numbers(self.people(people), self.items(items), times, numbers)

    def add_numbers(
        self,
        people: Int32Array,
        items: Int32Array,
        times: Int64Array,
        kinds: Int8Array | None = None,
    ) -> None:
        """Add events by the numbers of people, items and kinds, and int64 unix seconds."""
        self._parts.append((people, items, times))
        if kinds is not None:
            self._kinds.append(kinds)
        self._rows += len(times)

    def dataset(
        self,
        name: str,
        texts: Mapping[str, str],
        *,
        min_events: int = 0,
        has_times: bool = True,
        source: str,
    ) -> Dataset:
        """Return the data set of all that was added; the assembly is empty afterwards.

        Args:
            name: name of the data set.
            texts: what items are, in words; an item that is not in it has an empty text.
            min_events: people with fewer events are left out, and counted in ``n_few``.
            has_times: whether times are times; if not, they are replaced by ``in_order``.
            source: where the events come from, for errors.

        Raises:
            DataError: there are no events.
        """
        if not self._rows:
            raise DataError(f"{source} has no events that can be used")
        people, items, times = (
            np.concatenate([part[column] for part in self._parts]) for column in range(3)
        )
        kinds = np.concatenate(self._kinds) if self._kinds else None
        self._parts.clear()
        self._kinds.clear()
        counts = np.bincount(people, minlength=len(self._people))
        # People without events are known from impressions alone.
        kept = counts >= max(min_events, 1)
        self.n_few = int(np.count_nonzero(~kept))
        if not kept.any():
            raise DataError(
                f"nobody in {source} has {min_events} events, the most is {counts.max()}; "
                "ask for a smaller min_events"
            )
        if self.n_few:
            chosen = kept[people]
            renumbered = np.cumsum(kept, dtype=np.int64) - 1
            people, items, times = renumbered[people[chosen]], items[chosen], times[chosen]
            kinds = None if kinds is None else kinds[chosen]
        self.kept = kept
        if not has_times:
            order = np.lexsort((times, people))
            people, items = people[order], items[order]
            kinds = None if kinds is None else kinds[order]
            times = in_order(people)
        return Dataset.from_events(
            name,
            item_ids=list(self._items),
            item_texts=[texts.get(item, "") for item in self._items],
            person_ids=[person for person, number in self._people.items() if kept[number]],
            people=people,
            items=items,
            times=times,
            has_times=has_times,
            kinds=kinds,
        )


def kind_numbers(names: pl.Series) -> Int8Array:
    """Return the numbers of kinds, int8, by their names."""
    numbers = {kind.value: kind.number for kind in EventKind}
    return names.replace_strict(numbers, return_dtype=pl.Int8).to_numpy()


def in_order(people: NDArray[np.integer]) -> Int64Array:
    """Return times an hour apart for the events of people, sorted: int64, from the year 2000 on."""
    starts = np.flatnonzero(np.diff(people, prepend=-1))
    lengths = np.diff(starts, append=len(people))
    places = np.arange(len(people)) - np.repeat(starts, lengths)
    return ORDER_START + ORDER_STEP * places


def _numbers(names: pl.Series, known: dict[str, int]) -> Int32Array:
    distinct = names.unique(maintain_order=True)
    numbers = [known.setdefault(name, len(known)) for name in distinct]
    return names.replace_strict(distinct, numbers, return_dtype=pl.Int32).to_numpy()
