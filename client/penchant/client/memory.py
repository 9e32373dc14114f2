"""What a device has in mind: the state and the latest events of its store, read once and kept up.

One process at a time has a device's folder, so what was read or written once is still so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import event_embeddings, history_of, observed
from penchant.client.events import Event, EventKind
from penchant.client.interests import (
    InterestPolicy,
    InterestState,
    Observed,
    empty_state,
    state_bytes,
    state_key,
    stored_state,
)
from penchant.client.store import Store, StoredEvent
from penchant.shared.catalogue import UNKNOWN_ITEM
from penchant.shared.history import History
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

__all__ = ["Memory", "Recent"]

BLOCK_EVENTS = 4096


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
        self._policy = policy
        self._state: InterestState | None = None
        self._recent: Recent | None = None
        self._seen: NDArray[np.bool_] | None = None

    def observe(self, events: Sequence[Event]) -> list[int]:
        """Keep events and follow them with the interest state, all or none; return their ids.

        Raises:
            DataError: an event names no catalogue item and has no text to embed.
            ConfigurationError: a text has to be embedded, and there is no encoder.
            StoreError: the store cannot be written.
        """
        catalogue = self._scorer.catalogue
        positions = catalogue.positions(event.item for event in events)
        embeddings = event_embeddings(events, positions, catalogue=catalogue, encoder=self._encoder)
        stored = [
            StoredEvent.of(event, embedding.tobytes() if position == UNKNOWN_ITEM else None)
            for event, embedding, position in zip(events, embeddings, positions, strict=True)
        ]
        state = self._state_with(stored, embeddings)
        ids = self._store.append(stored, interest_state=state_bytes(state, key=self._state_key))
        self._state = state
        if self._recent is not None:
            length = self._history_length
            named = (replace(event, id=name) for event, name in zip(stored, ids, strict=True))
            latest = sorted(named, key=lambda event: event.time)[-length:]
            self._recent = self._recent.joined(Recent.of(latest, self._scorer), count=length)
        if self._seen is not None:
            self._seen[positions[positions != UNKNOWN_ITEM]] = True
        return ids

    def _state_with(
        self, events: Sequence[StoredEvent], embeddings: NDArray[np.float32]
    ) -> InterestState:
        """Return the interest state that has seen ``events`` too."""
        times = np.array([event.time for event in events], dtype=np.int64)
        weights = np.array([EventKind(event.kind).weight for event in events])
        if self.state.takes(times):
            return self.state.updated(Observed(embeddings, times, weights))
        every = sorted([*self._store.events(), *events], key=lambda event: event.time)
        return self._replayed(every)

    def _replayed(self, events: Sequence[StoredEvent]) -> InterestState:
        catalogue = self._scorer.catalogue
        state = empty_state(self._policy, dimension=catalogue.dimension)
        for block in _blocks(events):
            state = state.updated(observed(block, catalogue))
        return state

    def recomputed_state(self) -> bytes:
        """Return the interest state of the events in the store, as the store keeps it."""
        return state_bytes(self._replayed(self.counting_events()), key=self._state_key)

    def counting_events(self) -> list[StoredEvent]:
        """Return the events that count in the interest state, oldest first."""
        horizon = self._policy.horizon
        return self._store.events() if horizon is None else self._store.latest_events(horizon)

    @cached_property
    def _state_key(self) -> bytes:
        return state_key(self._policy, catalogue=self._scorer.catalogue.fingerprint)

    @property
    def state(self) -> InterestState:
        """The interest state that has seen every event.

        It is read from the store, or replayed where the policy or the catalogue is another one
        than it was kept for.

        Raises:
            StoreError: a stored embedding does not fit the catalogue's.
        """
        if self._state is None:
            kept = stored_state(
                self._store.interest_state(),
                self._policy,
                dimension=self._scorer.catalogue.dimension,
                key=self._state_key,
            )
            self._state = self._replayed(self.counting_events()) if kept is None else kept
        return self._state

    @property
    def recent(self) -> Recent:
        """The latest L events, which are all that a ranker's attention sees.

        Raises:
            StoreError: a stored embedding does not fit the catalogue's.
        """
        if self._recent is None:
            latest = self._store.latest_events(self._history_length)
            self._recent = Recent.of(latest, self._scorer)
        return self._recent

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which catalogue items the person has had to do with, bool (J,)."""
        if self._seen is None:
            catalogue = self._scorer.catalogue
            positions = catalogue.positions(self._store.items())
            self._seen = np.zeros(len(catalogue), dtype=np.bool_)
            self._seen[positions[positions != UNKNOWN_ITEM]] = True
        return self._seen

    def history(self) -> History:
        """Return all events, read from the store: what training needs."""
        return history_of(self._store.events(), self._scorer)

    def reread(self) -> None:
        """Read the store again when next asked: what it keeps has been changed elsewhere."""
        self._state = self._recent = self._seen = None

    @property
    def _history_length(self) -> int:
        return self._scorer.ranker.settings.history_length


def _blocks(events: Sequence[StoredEvent]) -> Iterator[Sequence[StoredEvent]]:
    """Yield ``events`` some at a time, so that not all embeddings have to be in memory at once."""
    for start in range(0, len(events), BLOCK_EVENTS):
        yield events[start : start + BLOCK_EVENTS]
