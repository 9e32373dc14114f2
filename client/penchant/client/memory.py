"""What a device has in mind: the state and the latest events of its store, read once and kept up.

One process at a time has a device's folder, so what was read or written once is still so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import event_embeddings, history_of
from penchant.client.events import Event
from penchant.client.interests import InterestPolicy, InterestState
from penchant.client.storage.store import Store, StoredEvent
from penchant.client.tracking import InterestTracker
from penchant.shared.catalogue import UNKNOWN_ITEM
from penchant.shared.history import History
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

__all__ = ["Memory", "Recent"]


@dataclass(frozen=True, eq=False)
class Recent:
    """The latest events, oldest first, as they were kept and as arrays.

    Attributes:
        events: what was kept of each.
        history: the same events as ranking reads them.
    """

    events: tuple[StoredEvent, ...]
    history: History

    @classmethod
    def of(cls, events: Sequence[StoredEvent], scorer: Scorer) -> Self:
        """Return ``events``, oldest first, with their arrays.

        Raises:
            StoreError: a stored embedding does not fit the catalogue's.
        """
        return cls(tuple(events), history_of(events, scorer))

    def joined(self, later: Self, *, count: int) -> Self:
        """Return the latest ``count`` of these events and those of ``later``, in order of time.

        Of events at one time, those of ``later`` come after.
        """
        mine, theirs = self.history, later.history
        times = np.concatenate([mine.times, theirs.times])
        order = np.argsort(times, kind="stable")[max(0, len(times) - count) :]
        events = (*self.events, *later.events)
        return type(self)(
            tuple(events[int(place)] for place in order),
            History(
                np.concatenate([mine.features, theirs.features])[order],
                np.concatenate([mine.items, theirs.items])[order],
                np.concatenate([mine.kinds, theirs.kinds])[order],
                times[order],
            ),
        )


class Memory:
    """A device's behaviour and interest state, in its store and in mind.

    Args:
        store: where they are kept.
        scorer: the ranker release in use and its catalogue.
        encoder: embeds free text.
        policy: how much each past event counts in the interest state.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer,
        *,
        encoder: TextEncoder | None,
        policy: InterestPolicy,
    ) -> None:
        self._store = store
        self._scorer = scorer
        self._encoder = encoder
        self.tracker = InterestTracker(store, scorer.catalogue, policy=policy)
        self._recent: Recent | None = None
        self._seen: NDArray[np.bool_] | None = None

    def observe(self, events: Sequence[Event]) -> list[int]:
        """Keep events and follow them with the interest state, all or none; return their ids.

        Raises:
            DataError: an event names no catalogue item and has no text to embed.
            ConfigurationError: a text has to be embedded, and there is no encoder.
            StoreError: the store cannot be written.
        """
        embeddings, stored = self._prepared(events)
        state = self.tracker.with_events(stored, embeddings)
        ids = self._store.append(stored, interest_state=self.tracker.to_bytes(state))
        self.tracker.follow(state)
        if self._recent is not None:
            self._recent = self._recent.joined(self._latest(stored, ids), count=self.history_length)
        if self._seen is not None:
            self._mark(self._seen, (event.item for event in stored))
        return ids

    def imagined(self, events: Sequence[Event]) -> Recent:
        """Return events with their arrays, kept nowhere.

        Raises:
            DataError: an event names no catalogue item and has no text to embed.
            ConfigurationError: a text has to be embedded, and there is no encoder.
        """
        _, stored = self._prepared(sorted(events, key=lambda event: event.time))
        return Recent.of(stored, self._scorer)

    @property
    def state(self) -> InterestState:
        """The interest state that has seen every event."""
        return self.tracker.state

    def lasting(self) -> NDArray[np.float32] | None:
        """Return the long-lived interest vector, float32 (m,); None before the first event."""
        return None if self.state.is_empty else self.state.means()[1]

    @property
    def recent(self) -> Recent:
        """The latest L events, which are all that a ranker's attention sees.

        Raises:
            StoreError: a stored embedding does not fit the catalogue's.
        """
        if self._recent is None:
            latest = self._store.latest_events(self.history_length)
            self._recent = Recent.of(latest, self._scorer)
        return self._recent

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which catalogue items the person has had to do with, bool (J,)."""
        if self._seen is None:
            self._seen = np.zeros(len(self._scorer.catalogue), dtype=np.bool_)
            self._mark(self._seen, self._store.items())
        return self._seen

    def history(self) -> History:
        """Return all events, read from the store: what training needs."""
        return history_of(self._store.events(), self._scorer)

    def reread(self) -> None:
        """Read the store again when next asked: what it keeps has been changed elsewhere."""
        self._recent = self._seen = None
        self.tracker.reread()

    def _prepared(self, events: Sequence[Event]) -> tuple[NDArray[np.float32], list[StoredEvent]]:
        catalogue = self._scorer.catalogue
        positions = catalogue.positions(event.item for event in events)
        embeddings = event_embeddings(events, positions, catalogue=catalogue, encoder=self._encoder)
        stored = [
            StoredEvent.of(event, embedding.tobytes() if position == UNKNOWN_ITEM else None)
            for event, embedding, position in zip(events, embeddings, positions, strict=True)
        ]
        return embeddings, stored

    def _latest(self, stored: Sequence[StoredEvent], ids: Sequence[int]) -> Recent:
        named = sorted(zip(stored, ids, strict=True), key=lambda pair: pair[0].time)
        latest = named[-self.history_length :]
        return Recent.of([replace(event, id=given) for event, given in latest], self._scorer)

    def _mark(self, seen: NDArray[np.bool_], items: Iterable[str | None]) -> None:
        positions = self._scorer.catalogue.positions(items)
        seen[positions[positions != UNKNOWN_ITEM]] = True

    @property
    def history_length(self) -> int:
        """L, how many of the latest events count."""
        return self._scorer.ranker.settings.history_length
