"""Intake: observed events are inspected before they are kept, and what was found is counted."""

import time as clock
from collections.abc import Iterator, Sequence

from penchant.client.events import Event
from penchant.client.quality import (
    Cleaning,
    Happening,
    Health,
    Inspected,
    QualityRules,
    Tally,
    inspect,
)
from penchant.client.storage.store import Store
from penchant.shared.errors import StoreError

__all__ = ["Intake"]

TALLY = "quality"


class Intake:
    """Applies the quality rules of a device.

    Args:
        store: the events kept already, and the counts.
        rules: how events are cleaned or refused; None takes them as they are.
    """

    def __init__(self, store: Store, rules: QualityRules | None) -> None:
        self._store = store
        self._rules = rules
        self._tally: Tally | None = None

    def inspected(self, events: Sequence[Event]) -> Inspected:
        """Return ``events`` cleaned or refused; nothing is counted yet."""
        if self._rules is None:
            return Inspected(tuple(events))
        return inspect(events, self._rules, kept=self._kept, now=int(clock.time()))

    def _kept(self, first: int, last: int) -> Iterator[Happening]:
        for event in self._store.events_between(first, last):
            yield Happening(event.time, (event.kind, event.item, event.text))

    def count(self, inspected: Inspected, ids: Sequence[int | None]) -> None:
        """Add an inspection to the counts.

        Args:
            inspected: what was found.
            ids: of its events, in their order; None for those refused.
        """
        cleanings = [
            (number, kind.value)
            for place, kinds in inspected.cleanings.items()
            for kind in kinds
            if (number := ids[place]) is not None
        ]
        if cleanings:
            self._store.note_cleanings(cleanings)
        tally = self.tally.with_inspected(inspected, now=int(clock.time()))
        if tally is not self.tally:
            self._store.save_value(TALLY, tally.to_bytes())
            self._tally = tally

    @property
    def tally(self) -> Tally:
        """The counts so far."""
        if self._tally is None:
            self._tally = Tally.from_bytes(self._store.value(TALLY))
        return self._tally

    def health(self) -> Health:
        """Return the counts beside the number of events kept.

        Raises:
            StoreError: the store counts a cleaning that this penchant does not know.
        """
        try:
            cleaned = {Cleaning(name): n for name, n in self._store.cleanings().items()}
        except ValueError as error:
            raise StoreError(
                f"the stored quality counts cannot be read: {error}; use the penchant that wrote "
                "them"
            ) from error
        return Health(self._store.event_count(), cleaned, self.tally)

    def reread(self) -> None:
        """Read the store again when next asked."""
        self._tally = None
