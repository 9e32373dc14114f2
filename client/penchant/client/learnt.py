"""What a round gives on a device, and what becomes of it when events are forgotten."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from penchant.client.storage.store import TrainedRound

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingResult

__all__ = ["Learnt", "Relearning"]


class Relearning(StrEnum):
    """What became of the private vector when events were forgotten.

    Attributes:
        UNTOUCHED: no round had seen them.
        REPLAYED: the rounds were done again on what remains.
        RESET: it is zero again: rounds were not recorded, all were of earlier catalogues, or
            training is not installed here.
    """

    UNTOUCHED = "untouched"
    REPLAYED = "replayed"
    RESET = "reset"


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a round of training gives, before any of it is kept.

    Attributes:
        result: what may leave the device.
        private_vector: float32 (d,), what stays.
        event_private: whether the round had event-level privacy.
        record: what it takes to do the round again; None if rounds are not recorded.
        watermark: id of the latest event it saw, 0 if none; later events are new to the next.
    """

    result: "TrainingResult"
    private_vector: NDArray[np.float32]
    event_private: bool
    record: TrainedRound | None
    watermark: int
