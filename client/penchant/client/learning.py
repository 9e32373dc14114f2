"""Rounds on a device: which ones it takes, where they start from and what they leave."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from penchant.client.storage.store import Store
from penchant.shared.errors import RoundError
from penchant.shared.history import History
from penchant.shared.randomness import Randomness
from penchant.shared.scoring import Scorer

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingResult, TrainingTask

__all__ = ["Learner"]


class Learner:
    """Trains a device's private vector and its copy of the ranker, a round at a time.

    Args:
        store: keeps the private vectors.
        scorer: the ranker release in use and its catalogue.
        history: gives the person's training events.
        randomness: where batches, negatives and noise come from.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer,
        *,
        history: Callable[[], History],
        randomness: Randomness,
    ) -> None:
        self._store = store
        self._scorer = scorer
        self._history = history
        self._randomness = randomness

    def private_vector(
        self, *, before: int | None = None, event_private: bool = False
    ) -> NDArray[np.float32]:
        """Return u, float32 (d,), as the latest round left it; zero before the first.

        Args:
            before: as rounds below this one left it, if given.
            event_private: as rounds with event-level privacy left it.
        """
        kept = self._store.private_vector(
            self._scorer.ranker.model_id, before=before, event_private=event_private
        )
        if kept is None:
            return np.zeros(self._scorer.ranker.settings.dimension, dtype=np.float32)
        return np.frombuffer(kept, dtype="<f4").astype(np.float32)

    def train(self, task: "TrainingTask") -> "TrainingResult":
        """Train one round, keep the private vector it leaves and return the update.

        Raises:
            RoundError: the task is for another ranker or an earlier round, or training diverged.
        """
        from penchant.client.training.rounds import train_round
        from penchant.shared.contract import TrainingResult

        self._require_fit(task)
        ranker = self._scorer.ranker
        event_private = task.training.event_privacy is not None
        trained = train_round(
            task,
            settings=ranker.settings,
            item_features=self._scorer.features,
            history=self._history(),
            private_vector=self.private_vector(
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

    def _require_fit(self, task: "TrainingTask") -> None:
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
