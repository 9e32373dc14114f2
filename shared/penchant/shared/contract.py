"""The wire contract: everything a server and a device ever say to each other.

There is no type here for an event, a text, an interest vector, a loss or a count of examples, so
none of them can be sent. Of how well a device was served there is one: a measure of bounded norm,
which a task has to ask for.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from penchant.shared.purposes import TRAIN_RANKER

__all__ = [
    "CONTRACT_VERSION",
    "MEASURE_SIZE",
    "PLAIN_VERSION",
    "EventPrivacy",
    "LearningRates",
    "LocalTraining",
    "TrainingResult",
    "TrainingTask",
]

CONTRACT_VERSION = 3
# Of a round that asks for no measure: messages are what they were before there were any, so that
# such rounds go on with peers that have not been updated.
PLAIN_VERSION = 2
# Numbers of a measure.
MEASURE_SIZE = 3


class _Public(BaseModel):
    """A record of public constants."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LearningRates(_Public):
    """Step sizes of local training, one for each group of numbers; all at least 0."""

    private_vector: float = Field(ge=0)
    item_projection: float = Field(ge=0)
    context_projection: float = Field(ge=0)
    attention: float = Field(ge=0)
    popularity: float = Field(ge=0)
    item_residual: float = Field(ge=0)

    def of(self, name: str) -> float:
        """Return the rate of the array called ``name``; the attention's arrays share one."""
        return float(getattr(self, "attention" if name.startswith("attention_") else name))


class EventPrivacy(_Public):
    """Event-level DP-SGD on the device; public constants, never derived from its data.

    Attributes:
        sampling_probability: chance of each event to be in a step's batch, in (0, 1].
        expected_batch_size: what the noised sum is divided by, whatever the real batch size.
        clipping_norm: bound on each event's gradient over private vector and ranker together.
        noise_multiplier: noise standard deviation / clipping norm.
    """

    sampling_probability: float = Field(gt=0, le=1)
    expected_batch_size: float = Field(gt=0)
    clipping_norm: float = Field(gt=0)
    noise_multiplier: float = Field(gt=0)


class LocalTraining(_Public):
    """How every device of a round trains; the same public constants for all.

    Attributes:
        steps: local gradient steps.
        examples: next events learnt from in a step, at most; drawn at random from the person's.
        negatives: items drawn from the catalogue in a step, shared by its examples.
        rates: step sizes.
        clipping_norm: bound on the whole update's Euclidean norm; None for no bound.
        event_privacy: makes training DP-SGD, if given.
    """

    steps: int = Field(gt=0, le=10_000)
    examples: int = Field(gt=0)
    negatives: int = Field(gt=0)
    rates: LearningRates
    clipping_norm: float | None = Field(default=None, gt=0)
    event_privacy: EventPrivacy | None = None


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """What the server asks of each device of a round.

    Attributes:
        model_id: identity of the ranker that is trained (``Ranker.model_id``).
        round_number: from 1.
        training: public constants.
        vector: float32 (D,), the ranker to start from.
        noise_multiplier: user-level noise that the server says it adds to the sum of updates,
            standard deviation / clipping norm; 0 for none.
        purpose: what the update will be used for.
        measure_noise_multiplier: asks for a measure of ``vector`` too, and is the noise that the
            server says it adds to the sum of measures, standard deviation / 1; None asks for none.
    """

    model_id: str
    round_number: int
    training: LocalTraining
    vector: NDArray[np.float32]
    noise_multiplier: float = 0.0
    purpose: Literal["train the shared ranker"] = TRAIN_RANKER
    measure_noise_multiplier: float | None = None


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a device answers: one clipped update, a measure if asked, and to which task.

    Attributes:
        model_id: as in the task.
        round_number: as in the task.
        update: float32 (D,), trained ranker minus the ranker it started from.
        measure: float32 (3,), of the ranker it started from (``penchant.shared.measures``); None
            if the task asks for none.
    """

    model_id: str
    round_number: int
    update: NDArray[np.float32]
    measure: NDArray[np.float32] | None = None
