"""One round of training on one device."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.client.training.model import Model
from penchant.client.training.plain import train_plainly
from penchant.client.training.private import train_privately
from penchant.shared.clipping import clip_to_norm
from penchant.shared.contract import TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.history import History
from penchant.shared.randomness import Randomness
from penchant.shared.ranker import RankerSettings

__all__ = ["Trained", "train_round"]


@dataclass(frozen=True, eq=False)
class Trained:
    """What a round leaves.

    Attributes:
        private_vector: float32 (d,), stays on the device.
        update: float32 (D,), trained ranker minus the one it started from, clipped.
    """

    private_vector: NDArray[np.float32]
    update: NDArray[np.float32]


def train_round(
    task: TrainingTask,
    *,
    settings: RankerSettings,
    item_features: NDArray[np.float32],
    history: History,
    private_vector: NDArray[np.float32],
    randomness: Randomness,
) -> Trained:
    """Return what training ``task`` on ``history`` gives.

    Args:
        task: the ranker to start from and the round's public constants.
        settings: shape of the ranker.
        item_features: float32 (J, k), features of the catalogue.
        history: the person's training events.
        private_vector: float32 (d,), where the device's own vector stands.
        randomness: draws batches, negatives and noise.

    Raises:
        RoundError: training gave numbers that are not finite.
    """
    model = Model.of(settings, task.vector, private_vector)
    features = torch.from_numpy(item_features)
    training = task.training
    if training.event_privacy is None:
        train_plainly(
            model,
            history,
            features,
            history_length=settings.history_length,
            training=training,
            randomness=randomness,
        )
    else:
        train_privately(
            model,
            history,
            features,
            training=training,
            privacy=training.event_privacy,
            randomness=randomness,
        )
    update = model.vector() - task.vector
    trained = model.private_vector.numpy()
    if not (np.isfinite(update).all() and np.isfinite(trained).all()):
        raise RoundError(
            f"training in round {task.round_number} gave numbers that are not finite; "
            "lower the learning rates"
        )
    if training.clipping_norm is not None:
        update = clip_to_norm(update, clipping_norm=training.clipping_norm)
    return Trained(trained, update)
