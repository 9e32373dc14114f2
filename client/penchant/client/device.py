"""A device: one person's behaviour, interests and recommendations, all kept where they are."""

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import event_embeddings, history_of, require_encoder
from penchant.client.events import Event
from penchant.client.interests import InterestState
from penchant.client.settings import DeviceSettings
from penchant.client.store import SqliteStore, Store, StoredEvent
from penchant.client.tags import Interest, Tags
from penchant.shared.catalogue import UNKNOWN_ITEM
from penchant.shared.contract import TrainingResult, TrainingTask
from penchant.shared.errors import ConfigurationError, RoundError, StoreError
from penchant.shared.history import History
from penchant.shared.randomness import Randomness, SystemRandomness
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

__all__ = ["Device", "Recommendation"]

STORE_NAME = "behaviour.sqlite"


@dataclass(frozen=True)
class Recommendation:
    """An item and its ranking score; higher is better, only order and differences mean anything."""

    item: str
    score: float


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
        self._settings = settings
        self._randomness = randomness

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
        dimension = scorer.catalogue.embeddings.shape[1]
        if encoder is not None and encoder.dimension != dimension:
            raise ConfigurationError(
                f"the encoder gives {encoder.dimension} numbers and the catalogue's embeddings "
                f"have {dimension}; use the encoder that embedded the catalogue"
            )
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
        if not events:
            return
        positions = self._scorer.catalogue.positions(event.item for event in events)
        embeddings = event_embeddings(
            events, positions, catalogue=self._scorer.catalogue, encoder=self._encoder
        )
        state = self._interest_state().updated_many(
            (
                (embedding, event.time, event.kind.weight)
                for event, embedding in zip(events, embeddings, strict=True)
            ),
            half_lives=self._settings.half_lives,
        )
        stored = [
            StoredEvent.of(event, embedding.tobytes() if position == UNKNOWN_ITEM else None)
            for event, embedding, position in zip(events, embeddings, positions, strict=True)
        ]
        self._store.append(stored, interest_state=state.to_bytes())

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
        _require_count(k)
        history = self._history()
        profile = self._profile(history, now)
        catalogue = self._scorer.catalogue
        positions = np.arange(len(catalogue))
        if candidates is not None:
            positions = np.unique(catalogue.known_positions(candidates))
        if exclude_seen:
            positions = positions[~np.isin(positions, history.items)]
        scores = self._scorer.scores(profile, positions)
        best = np.argsort(-scores, kind="stable")[:k]
        return [Recommendation(catalogue.items[positions[i]], float(scores[i])) for i in best]

    def scores(self, *, now: int | None = None) -> NDArray[np.float32]:
        """Return the ranking score of every catalogue item, float32 (J,).

        Args:
            now: unix seconds of the request; the clock's, if not given.
        """
        return self._scorer.scores(self._profile(self._history(), now))

    def interests(self, *, k: int = 10) -> list[Interest]:
        """Return the ``k`` tags with the largest share of the person's interest, largest first.

        Shares are of the whole taxonomy, so those returned add up to at most 1. Before the first
        event there are none.

        Raises:
            ConfigurationError: ``k`` is below 1, or the device has no encoder to place the tags
                with.
        """
        _require_count(k)
        state = self._interest_state()
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
        return self._private_vector()

    def train(self, task: TrainingTask) -> TrainingResult:
        """Train the private vector and the ranker on this device's events; return the update.

        A round asked for again starts from where the private vector stood before it, so that a
        repeated message does not train twice. A round with event-level privacy starts from what
        such rounds left: a vector fitted to the events without noise would void its guarantee.
        Needs the ``train`` extra.

        Raises:
            RoundError: the task is for another ranker or an earlier round, or training diverged.
        """
        from penchant.client.training.rounds import train_round

        ranker = self._scorer.ranker
        if task.model_id != ranker.model_id:
            raise RoundError(
                f"the task is for ranker {task.model_id}; this device has {ranker.model_id}; "
                "install the release the server trains"
            )
        if task.vector.shape != ranker.vector.shape:
            raise RoundError(
                f"the task has numbers of shape {task.vector.shape}; ranker {ranker.model_id} has "
                f"{ranker.settings.size}"
            )
        latest = self._store.latest_round(task.model_id)
        if latest is not None and task.round_number < latest:
            raise RoundError(
                f"the task is for round {task.round_number}; this device has trained round "
                f"{latest} already; ask for that one again, or for a later one"
            )
        event_private = task.training.event_privacy is not None
        trained = train_round(
            task,
            settings=ranker.settings,
            item_features=self._scorer.features,
            history=self._history(),
            private_vector=self._private_vector(
                before=task.round_number, event_private=event_private
            ),
            randomness=self._randomness.spawn(task.round_number),
        )
        self._store.save_private_vector(
            task.model_id,
            trained.private_vector.astype("<f4").tobytes(),
            round_number=task.round_number,
            event_private=event_private,
        )
        return TrainingResult(task.model_id, task.round_number, trained.update)

    @cached_property
    def _tags(self) -> Tags:
        return Tags.embed(require_encoder(self._encoder, "interests as tags"))

    def _interest_state(self) -> InterestState:
        dimension = self._scorer.catalogue.embeddings.shape[1]
        kept = self._store.interest_state()
        if kept is None:
            return InterestState.empty(dimension)
        return InterestState.from_bytes(kept, dimension=dimension)

    def _history(self) -> History:
        return history_of(self._store.events(), self._scorer)

    def _private_vector(
        self, *, before: int | None = None, event_private: bool = False
    ) -> NDArray[np.float32]:
        kept = self._store.private_vector(
            self._scorer.ranker.model_id, before=before, event_private=event_private
        )
        if kept is None:
            return np.zeros(self._scorer.ranker.settings.dimension, dtype=np.float32)
        return np.frombuffer(kept, dtype="<f4").astype(np.float32)

    def _profile(self, history: History, now: int | None) -> NDArray[np.float32]:
        moment = int(clock.time()) if now is None else now
        return self._scorer.profile(self.private_vector(), history, now=moment)


def _require_count(k: int) -> None:
    if k < 1:
        raise ConfigurationError(f"k is {k}; it must be at least 1")
