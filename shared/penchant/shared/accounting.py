"""What a run costs in privacy: epsilon at a delta, by privacy loss distributions.

Everything reported comes from dp-accounting's PLD accountant. Gaussian noise is always stated as
``noise_multiplier`` = standard deviation / clipping norm.

Two units are accounted for, and never one without saying which:

* user level: a device's whole contribution to a round is one record; cohorts are Poisson samples
  with a fixed cap, so the mechanism is the truncated subsampled Gaussian.
* event level: one event of one device is one record; each local step is a Poisson subsampled
  Gaussian over the device's own events.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce

from dp_accounting.pld import privacy_loss_distribution as pld
from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

from penchant.shared.errors import PrivacyError
from penchant.shared.gaussian import default_delta

__all__ = [
    "ACCOUNTANT",
    "EventMechanism",
    "UserMechanism",
    "cohort_cap",
    "default_delta",
    "epsilon_of_all",
]

DISCRETISATION = 1e-4
ACCOUNTANT = f"PLD (dp-accounting, discretisation {DISCRETISATION:g})"
LARGEST_NOISE_MULTIPLIER = 1e4
# A larger epsilon promises nothing, and its distributions have millions of entries.
LARGEST_EPSILON = 100.0
# Calibration searches on a coarser grid, ten times as fast. Both grids round epsilon up, so the
# multiplier it finds is safe and at most about 1 % larger than it need be.
SEARCH_DISCRETISATION = 1e-3
SEARCH_TOLERANCE = 1e-3


def cohort_cap(population: int, *, sampling_probability: float) -> int:
    """Return the largest cohort a round will use: the mean plus seven standard deviations.

    A Poisson sample with a mean of ten or more exceeds it with probability below 1e-8, a smaller
    one, whose law is skewed, somewhat more often; the accountant counts the truncation.

    Example:
        >>> cohort_cap(10_000, sampling_probability=0.01)
        170
    """
    mean = population * sampling_probability
    spread = math.sqrt(mean * (1.0 - sampling_probability))
    return min(population, math.ceil(mean + 7.0 * spread))


@dataclass(frozen=True)
class UserMechanism:
    """User-level central privacy over Poisson cohorts with a cap.

    Attributes:
        population: number of devices a cohort is drawn from.
        sampling_probability: chance of each device to be in a round's cohort, in (0, 1].
    """

    population: int
    sampling_probability: float

    def __post_init__(self) -> None:
        if self.population < 1:
            raise PrivacyError(f"population is {self.population}; it must be at least 1")
        _require_probability(self.sampling_probability)

    def epsilon(self, *, noise_multiplier: float, rounds: int, delta: float) -> float:
        """Return epsilon at ``delta`` for whoever sees every ranker released in ``rounds``.

        Raises:
            PrivacyError: a parameter is out of range.
        """
        _require_noise(noise_multiplier)
        return _composed(self._round(noise_multiplier, DISCRETISATION), rounds, delta)

    def noise_multiplier(self, *, epsilon: float, rounds: int, delta: float) -> float:
        """Return the least noise multiplier, to about 1 %, that keeps within ``epsilon``.

        Raises:
            PrivacyError: a parameter is out of range, or no noise is enough.
        """
        return _calibrated(self._round, epsilon=epsilon, count=rounds, delta=delta)

    def _round(self, noise_multiplier: float, discretisation: float) -> PrivacyLossDistribution:
        if self.sampling_probability == 1.0:
            return _subsampled_gaussian(noise_multiplier, 1.0, discretisation)
        return _truncated_gaussian(
            noise_multiplier, self.population, self.sampling_probability, discretisation
        )


def epsilon_of_all(rounds: Mapping[tuple[UserMechanism, float], int], *, delta: float) -> float:
    """Return user-level epsilon at ``delta`` of rounds that were not all alike.

    Args:
        rounds: how many there were of each mechanism and noise multiplier; not empty.
        delta: the delta.

    Raises:
        PrivacyError: a parameter is out of range.
    """
    if not rounds or min(rounds.values()) < 1:
        raise PrivacyError("no rounds were given to account for; at least one is needed")
    if not 0 < delta < 1:
        raise PrivacyError(f"delta is {delta}; it must be between 0 and 1")
    parts = []
    for (mechanism, noise_multiplier), count in rounds.items():
        _require_noise(noise_multiplier)
        parts.append(mechanism._round(noise_multiplier, DISCRETISATION).self_compose(count))
    composed = reduce(PrivacyLossDistribution.compose, parts)
    return float(composed.get_epsilon_for_delta(delta))


@dataclass(frozen=True)
class EventMechanism:
    """Event-level privacy of one device's DP-SGD, against whoever sees its updates.

    Attributes:
        sampling_probability: chance of each event to be in a local step's batch, in (0, 1].
    """

    sampling_probability: float

    def __post_init__(self) -> None:
        _require_probability(self.sampling_probability)

    def epsilon(self, *, noise_multiplier: float, steps: int, delta: float) -> float:
        """Return epsilon at ``delta`` for one event, after ``steps`` local steps in all.

        Raises:
            PrivacyError: a parameter is out of range.
        """
        _require_noise(noise_multiplier)
        return _composed(self._step(noise_multiplier, DISCRETISATION), steps, delta)

    def noise_multiplier(self, *, epsilon: float, steps: int, delta: float) -> float:
        """Return the least noise multiplier, to about 1 %, that keeps within ``epsilon``.

        Raises:
            PrivacyError: a parameter is out of range, or no noise is enough.
        """
        return _calibrated(self._step, epsilon=epsilon, count=steps, delta=delta)

    def _step(self, noise_multiplier: float, discretisation: float) -> PrivacyLossDistribution:
        return _subsampled_gaussian(noise_multiplier, self.sampling_probability, discretisation)


def _require_probability(probability: float) -> None:
    if not 0.0 < probability <= 1.0:
        raise PrivacyError(f"sampling probability is {probability}; it must be in (0, 1]")


def _require_noise(noise_multiplier: float) -> None:
    if not 0.0 < noise_multiplier < math.inf:
        raise PrivacyError(
            f"noise multiplier is {noise_multiplier}; without noise, above 0 and finite, there is "
            "no privacy to account for"
        )


# Building a distribution takes seconds, composing it does not: one is kept for each mechanism.
@lru_cache(maxsize=64)
def _subsampled_gaussian(
    noise_multiplier: float, sampling_probability: float, discretisation: float
) -> PrivacyLossDistribution:
    return pld.from_gaussian_mechanism(
        noise_multiplier,
        value_discretization_interval=discretisation,
        sampling_prob=sampling_probability,
    )


@lru_cache(maxsize=64)
def _truncated_gaussian(
    noise_multiplier: float, population: int, sampling_probability: float, discretisation: float
) -> PrivacyLossDistribution:
    return pld.from_truncated_subsampled_gaussian_mechanism(
        dataset_size=population,
        sampling_probability=sampling_probability,
        truncated_batch_size=cohort_cap(population, sampling_probability=sampling_probability),
        noise_multiplier=noise_multiplier,
        value_discretization_interval=discretisation,
    )


def _composed(one: PrivacyLossDistribution, count: int, delta: float) -> float:
    if count < 1:
        raise PrivacyError(f"{count} releases were to be accounted for; at least 1 is needed")
    if not 0 < delta < 1:
        raise PrivacyError(f"delta is {delta}; it must be between 0 and 1")
    return float(one.self_compose(count).get_epsilon_for_delta(delta))


def _calibrated(
    mechanism: Callable[[float, float], PrivacyLossDistribution],
    *,
    epsilon: float,
    count: int,
    delta: float,
) -> float:
    """Return the least noise multiplier within ``epsilon``, by bisection."""
    if not 0 < epsilon <= LARGEST_EPSILON:
        raise PrivacyError(
            f"epsilon is {epsilon}; it must be above 0 and at most {LARGEST_EPSILON:g}"
        )

    def exceeds(noise_multiplier: float) -> bool:
        one = mechanism(noise_multiplier, SEARCH_DISCRETISATION)
        return _composed(one, count, delta) > epsilon

    low, high = 0.0, 1.0
    while exceeds(high):
        low, high = high, 2.0 * high
        if high > LARGEST_NOISE_MULTIPLIER:
            raise PrivacyError(
                f"no noise multiplier up to {LARGEST_NOISE_MULTIPLIER:g} keeps within epsilon "
                f"{epsilon} at delta {delta}; ask for a larger epsilon or fewer rounds"
            )
    while high - low > SEARCH_TOLERANCE * high:
        middle = (low + high) / 2.0
        if exceeds(middle):
            low = middle
        else:
            high = middle
    return high
