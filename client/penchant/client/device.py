"""A device: one person's behaviour, interests and recommendations, all kept where they are."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import require_encoder, require_fit
from penchant.client.events import Event
from penchant.client.learning import Learner
from penchant.client.memory import Memory
from penchant.client.ranking import Person, Recommendation, Recommender
from penchant.client.settings import DeviceSettings
from penchant.client.store import SqliteStore, Store
from penchant.client.tags import Interest, Tags
from penchant.shared.contract import TrainingResult, TrainingTask
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.randomness import Randomness, SystemRandomness
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

__all__ = ["Device"]

STORE_NAME = "behaviour.sqlite"


class Device:
    """One person's device.

    Open it with ``Device.open``; it is a context manager that closes its store.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer,
        *,
        encoder: TextEncoder | None,
        settings: DeviceSettings,
        randomness: Randomness,
    ) -> None:
        self._store = store
        self._scorer = scorer
        self._encoder = encoder
        self._memory = Memory(store, scorer, encoder=encoder, half_lives=settings.half_lives)
        self._learner = Learner(store, scorer, history=self._memory.history, randomness=randomness)
        self._recommender = Recommender(scorer)

    @classmethod
    def open(
        cls,
        folder: Path,
        scorer: Scorer,
        *,
        encoder: TextEncoder | None = None,
        settings: DeviceSettings | None = None,
        randomness: Randomness | None = None,
    ) -> Self:
        """Return the device that lives in ``folder``, made if it does not exist.

        Args:
            folder: where the device keeps what is private to it.
            scorer: the ranker release in use and its catalogue.
            encoder: embeds free text and tags; not needed for events on catalogue items.
            settings: how it keeps and learns.
            randomness: where noise and sampling come from; the operating system, if not given.

        Raises:
            ConfigurationError: the encoder is not the one the catalogue was embedded with.
            StoreError: the store cannot be opened.
        """
        chosen = settings or DeviceSettings()
        require_fit(encoder, scorer.catalogue)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the device's folder {folder}: {error}") from error
        store = SqliteStore(folder / STORE_NAME, durable=chosen.durable)
        return cls(
            store,
            scorer,
            encoder=encoder,
            settings=chosen,
            randomness=randomness or SystemRandomness(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def observe(self, *events: Event) -> None:
        """Keep events and follow them with the interest state; all of them, or none.

        Raises:
            DataError: an event names no catalogue item and has no text to embed.
            ConfigurationError: a text has to be embedded, and the device has no encoder.
            StoreError: the store cannot be written.
        """
        if events:
            self._memory.observe(events)

    def recommend(
        self,
        candidates: Sequence[str] | None = None,
        *,
        k: int = 10,
        exclude_seen: bool = True,
        now: int | None = None,
    ) -> list[Recommendation]:
        """Return the ``k`` best items for the person, best first; equal scores in catalogue order.

        Args:
            candidates: item ids to choose from, in any order; the whole catalogue, if not given.
            k: how many to return at most; at least 1.
            exclude_seen: leave out items the person has had to do with.
            now: unix seconds of the request; the clock's, if not given.

        Raises:
            ConfigurationError: ``k`` is below 1.
            DataError: a candidate is not in the catalogue.
        """
        return self._recommender.recommend(
            self._person(), candidates, k=k, exclude_seen=exclude_seen, now=now
        )

    def scores(self, *, now: int | None = None) -> NDArray[np.float32]:
        """Return the ranking score of every catalogue item, float32 (J,).

        Args:
            now: unix seconds of the request; the clock's, if not given.
        """
        return self._recommender.scores(self._person(), now=now)

    def interests(self, *, k: int = 10) -> list[Interest]:
        """Return the ``k`` tags with the largest share of the person's interest, largest first.

        Shares are of the whole taxonomy, so those returned add up to at most 1. Before the first
        event there are none.

        Raises:
            ConfigurationError: ``k`` is below 1, or the device has no encoder to place the tags
                with.
        """
        if k < 1:
            raise ConfigurationError(f"k is {k}; it must be at least 1")
        state = self._memory.state
        if not state.weights.any():
            return []
        short, long = state.means()
        return self._tags.strongest(short + long, k=k)

    def event_count(self) -> int:
        """Return how many events the device keeps."""
        return self._store.event_count()

    @property
    def shared_numbers(self) -> int:
        """D, how many numbers the shared ranker has: what an update is made of."""
        return self._scorer.ranker.settings.size

    def private_vector(self) -> NDArray[np.float32]:
        """Return u, float32 (d,): what training has learnt of this person; it stays here."""
        return self._learner.private_vector()

    def local_quality(self) -> float | None:
        """Return how well the ranker in use foretells the person's latest items, from 0 to 1.

        None with too few of them; see ``local_quality``. It stays on the device.
        """
        from penchant.client.ranking.validation import local_quality

        return local_quality(self._scorer, self._memory.history(), self.private_vector())

    def train(self, task: TrainingTask) -> TrainingResult:
        """Train the private vector and the ranker on this device's events; return the update.

        A round asked for again starts from where the private vector stood before it, so that a
        repeated message does not train twice. A round with event-level privacy starts from what
        such rounds left: a vector fitted to the events without noise would void its guarantee.
        Needs the ``train`` extra.

        Raises:
            RoundError: the task is for another ranker or an earlier round, or training diverged.
        """
        return self._learner.train(task)

    @cached_property
    def _tags(self) -> Tags:
        return Tags.embed(require_encoder(self._encoder, "interests as tags"))

    def _person(self) -> Person:
        return Person(self.private_vector(), self._memory.recent, self._memory.seen)
