"""What a device has in mind: the state and the latest events of its store, read once and kept up.

One process at a time has a device's folder, so what was read or written once is still so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import event_embeddings, history_of
from penchant.client.events import Event
from penchant.client.interests import HalfLives, InterestState
from penchant.client.store import Store, StoredEvent
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
        half_lives: how fast interests fade.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer,
        *,
        encoder: TextEncoder | None,
        half_lives: HalfLives,
    ) -> None:
        self._store = store
        self._scorer = scorer
        self._encoder = encoder
        self._half_lives = half_lives
        self._state: InterestState | None = None
        self._recent: Recent | None = None
        self._seen: NDArray[np.bool_] | None = None

    def observe(self, events: Sequence[Event]) -> None:
        """Keep events and follow them with the interest state; all of them, or none.

        Raises:
            DataError: an event names no catalogue item and has no text to embed.
            ConfigurationError: a text has to be embedded, and there is no encoder.
            StoreError: the store cannot be written.
        """
        positions = self._scorer.catalogue.positions(event.item for event in events)
        embeddings = event_embeddings(
            events, positions, catalogue=self._scorer.catalogue, encoder=self._encoder
        )
        state = self.state.updated_many(
            (
                (embedding, event.time, event.kind.weight)
                for event, embedding in zip(events, embeddings, strict=True)
            ),
            half_lives=self._half_lives,
        )
        stored = [
            StoredEvent.of(event, embedding.tobytes() if position == UNKNOWN_ITEM else None)
            for event, embedding, position in zip(events, embeddings, positions, strict=True)
        ]
        self._store.append(stored, interest_state=state.to_bytes())
        self._state = state
        if self._recent is not None:
            length = self._history_length
            latest = sorted(stored, key=lambda event: event.time)[-length:]
            self._recent = self._recent.joined(Recent.of(latest, self._scorer), count=length)
        if self._seen is not None:
            self._seen[positions[positions != UNKNOWN_ITEM]] = True

    @property
    def state(self) -> InterestState:
        """The interest state that has seen every event.

        Raises:
            StoreError: the stored state does not fit the catalogue's embeddings.
        """
        if self._state is None:
            dimension = self._scorer.catalogue.dimension
            kept = self._store.interest_state()
            self._state = (
                InterestState.empty(dimension)
                if kept is None
                else InterestState.from_bytes(kept, dimension=dimension)
            )
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
