"""The interest state of a device, read once from its store and kept up."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import observed
from penchant.client.events import EventKind
from penchant.client.interests import (
    InterestPolicy,
    InterestState,
    Observed,
    empty_state,
    state_bytes,
    state_key,
    stored_state,
)
from penchant.client.storage.store import Store, StoredEvent
from penchant.shared.catalogue import Catalogue

__all__ = ["InterestTracker", "blocks"]

BLOCK_EVENTS = 4096


class InterestTracker:
    """Follows a device's events with the interest state.

    Args:
        store: the events, and the state as it was last kept.
        catalogue: the items.
        policy: how much each past event counts.
    """

    def __init__(self, store: Store, catalogue: Catalogue, *, policy: InterestPolicy) -> None:
        self.policy = policy
        self._store = store
        self._catalogue = catalogue
        self._state: InterestState | None = None

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
                self.policy,
                dimension=self._catalogue.dimension,
                key=self._key,
            )
            self._state = self.replayed(self.events()) if kept is None else kept
        return self._state

    def with_events(
        self, events: Sequence[StoredEvent], embeddings: NDArray[np.float32]
    ) -> InterestState:
        """Return the state that has seen ``events`` too, which are not in the store yet.

        Args:
            events: in any order.
            embeddings: float32 (n, m), of each.
        """
        times = np.array([event.time for event in events], dtype=np.int64)
        weights = np.array([EventKind(event.kind).weight for event in events])
        if self.state.takes(times):
            return self.state.updated(Observed(embeddings, times, weights))
        every = [*self._store.events(), *events]
        return self.replayed(sorted(every, key=lambda event: event.time))

    def replayed(self, events: Sequence[StoredEvent]) -> InterestState:
        """Return the state of ``events`` alone, oldest first."""
        state = empty_state(self.policy, dimension=self._catalogue.dimension)
        for block in blocks(events):
            state = state.updated(observed(block, self._catalogue))
        return state

    def events(self) -> list[StoredEvent]:
        """Return the events that count in the state, oldest first."""
        horizon = self.policy.horizon
        return self._store.events() if horizon is None else self._store.latest_events(horizon)

    def to_bytes(self, state: InterestState) -> bytes:
        """Return ``state`` as the store keeps it."""
        return state_bytes(state, key=self._key)

    def follow(self, state: InterestState) -> None:
        """Go on from ``state``, which the store keeps now."""
        self._state = state

    def reread(self) -> None:
        """Read the store again when next asked."""
        self._state = None

    @cached_property
    def _key(self) -> bytes:
        return state_key(self.policy, catalogue=self._catalogue.fingerprint)


def blocks(events: Sequence[StoredEvent]) -> Iterator[Sequence[StoredEvent]]:
    """Yield ``events`` some at a time, so that not all embeddings have to be in memory at once."""
    for start in range(0, len(events), BLOCK_EVENTS):
        yield events[start : start + BLOCK_EVENTS]
