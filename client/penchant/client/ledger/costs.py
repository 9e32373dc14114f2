"""What answering a task costs, against each of the two adversaries; and which task it is.

Costs are zCDP's rho, which adds up over adaptive releases, and no amplification by sampling is
counted anywhere: cohorts are the server's to draw, and it could lie about them.

* Whoever receives released rankers sees the sum of whole updates, each clipped to C, with noise of
  standard deviation sigma * C: rho = 1 / (2 sigma^2) for all that one person did (Bun and Steinke,
  2016, proposition 1.6). Sigma is the server's word.
* A measure of the ranker has norm at most 1 and its own noise on its own sum, of standard deviation
  sigma_m: rho = 1 / (2 sigma_m^2) more. Update and measure of a round together are one Gaussian
  mechanism of multiplier (sigma^-2 + sigma_m^-2)^-1/2. The server sees the measure itself, without
  noise of the device's.
* The server sees the update itself. T local steps of DP-SGD each release a sum in which one event
  has at most norm C', with noise of standard deviation sigma' * C': rho = T / (2 sigma'^2) for one
  event present or absent. That the device samples each batch itself would make it less. An update
  without such noise promises nothing against the server: rho is infinite.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penchant.shared.gaussian import gaussian_rho

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingTask

__all__ = ["Cost", "cost_of", "measure_cost_of", "task_hash"]


@dataclass(frozen=True)
class Cost:
    """What one update costs, or one measure.

    Attributes:
        released: rho for everything a person did, against whoever receives released rankers.
        server: rho for one event, against whoever sees the update.
    """

    released: float
    server: float


def measure_cost_of(task: "TrainingTask") -> Cost:
    """Return what the measure that ``task`` asks for costs, beside its update; 0 if it asks none.

    Example:
        >>> from penchant.shared.contract import LearningRates, LocalTraining, TrainingTask
        >>> rates = LearningRates(**dict.fromkeys(LearningRates.model_fields, 0.1))
        >>> training = LocalTraining(steps=1, examples=8, negatives=8, rates=rates)
        >>> task = TrainingTask("0" * 16, 1, training, None, measure_noise_multiplier=8.0)
        >>> measure_cost_of(task)
        Cost(released=0.0078125, server=inf)
    """
    if task.measure_noise_multiplier is None:
        return Cost(0.0, 0.0)
    return Cost(gaussian_rho(noise_multiplier=task.measure_noise_multiplier), math.inf)


def cost_of(task: "TrainingTask") -> Cost:
    """Return what the update that ``task`` asks for costs; infinite where nothing is promised.

    Example:
        >>> from penchant.shared.contract import LearningRates, LocalTraining, TrainingTask
        >>> rates = LearningRates(**dict.fromkeys(LearningRates.model_fields, 0.1))
        >>> training = LocalTraining(
        ...     steps=1, examples=8, negatives=8, rates=rates, clipping_norm=1.0
        ... )
        >>> cost_of(TrainingTask("0" * 16, 1, training, None, noise_multiplier=4.0))
        Cost(released=0.03125, server=inf)
    """
    training = task.training
    released = math.inf
    if training.clipping_norm is not None:
        released = gaussian_rho(noise_multiplier=task.noise_multiplier)
    if training.event_privacy is None:
        return Cost(released, math.inf)
    noise = training.event_privacy.noise_multiplier
    return Cost(released, gaussian_rho(noise_multiplier=noise, releases=training.steps))


def task_hash(task: "TrainingTask") -> str:
    """Return SHA-256 of the task's message: two tasks are the same if their bytes are."""
    from penchant.shared.codec import encode_task

    return hashlib.sha256(encode_task(task)).hexdigest()
