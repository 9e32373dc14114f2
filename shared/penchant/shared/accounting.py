"""What a run costs in privacy: epsilon at a delta, by privacy loss distributions.

Everything reported comes from dp-accounting's PLD accountant. Gaussian noise is always stated as
``noise_multiplier`` = standard deviation / clipping norm.

Two units are accounted for, and never one without saying which:

* user level: a device's whole contribution to a round is one record; cohorts are Poisson samples
  with a fixed cap, so the event is the truncated subsampled Gaussian.
* event level: one event of one device is one record; each local step is a Poisson subsampled
  Gaussian over the device's own events.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import dp_accounting
from dp_accounting.pld import PLDAccountant

from penchant.shared.errors import PrivacyError

__all__ = ["ACCOUNTANT", "EventMechanism", "UserMechanism", "cohort_cap", "default_delta"]

DISCRETISATION = 1e-4
ACCOUNTANT = f"PLD (dp-accounting, discretisation {DISCRETISATION:g})"
LARGEST_NOISE_MULTIPLIER = 1e4
# Calibration searches on a coarser grid, ten times as fast. Both grids round epsilon up, so the
# multiplier it finds is safe and at most about 1 % larger than it need be.
SEARCH_DISCRETISATION = 1e-3
SEARCH_TOLERANCE = 1e-3


def default_delta(population: int) -> float:
    """Return the delta used where none is given: min(1e-6, N^-1.1) for N people.

    Example:
        >>> default_delta(943)
        1e-06
    """
    return min(1e-6, math.pow(population, -1.1))


def cohort_cap(population: int, *, sampling_probability: float) -> int:
    """Return the largest cohort a round will use: the mean plus seven standard deviations.

    A Poisson sample of ``population`` devices exceeds it with probability below 1e-11; the
    accountant counts the truncation all the same.

    Example:
        >>> cohort_cap(10_000, sampling_probability=0.01)
        170
    """
    mean = population * sampling_probability
    spread = math.sqrt(mean * (1.0 - sampling_probability))
    return min(population, math.ceil(mean + 7.0 * spread))


@dataclass(frozen=True)
class UserMechanism:
    """User-level central privacy of ``rounds`` rounds over Poisson cohorts with a cap.

    Attributes:
        population: number of devices a cohort is drawn from.
        sampling_probability: chance of each device to be in a round's cohort, in (0, 1].
        rounds: number of rounds released.
    """

    population: int
    sampling_probability: float
    rounds: int

    def __post_init__(self) -> None:
        _require_probability(self.sampling_probability)

    def epsilon(self, *, noise_multiplier: float, delta: float) -> float:
        """Return epsilon at ``delta`` for whoever sees every released ranker (add or remove)."""
        return _epsilon(self._event(noise_multiplier), delta)

    def noise_multiplier(self, *, epsilon: float, delta: float) -> float:
        """Return the least noise multiplier, to about 1 %, that keeps within ``epsilon``."""
        return _calibrated(self._event, epsilon, delta)

    def _event(self, noise_multiplier: float) -> dp_accounting.DpEvent:
        if self.sampling_probability == 1.0:
            one_round = dp_accounting.GaussianDpEvent(noise_multiplier)
        else:
            one_round = dp_accounting.TruncatedSubsampledGaussianDpEvent(
                dataset_size=self.population,
                sampling_probability=self.sampling_probability,
                truncated_batch_size=cohort_cap(
                    self.population, sampling_probability=self.sampling_probability
                ),
                noise_multiplier=noise_multiplier,
            )
        return dp_accounting.SelfComposedDpEvent(one_round, self.rounds)


@dataclass(frozen=True)
class EventMechanism:
    """Event-level privacy of one device's DP-SGD, against whoever sees its updates.

    Attributes:
        sampling_probability: chance of each event to be in a local step's batch, in (0, 1].
        steps: local steps over all the rounds a device may take part in.
    """

    sampling_probability: float
    steps: int

    def __post_init__(self) -> None:
        _require_probability(self.sampling_probability)

    def epsilon(self, *, noise_multiplier: float, delta: float) -> float:
        """Return epsilon at ``delta`` for one event (add or remove)."""
        return _epsilon(self._event(noise_multiplier), delta)

    def noise_multiplier(self, *, epsilon: float, delta: float) -> float:
        """Return the least noise multiplier, to about 1 %, that keeps within ``epsilon``."""
        return _calibrated(self._event, epsilon, delta)

    def _event(self, noise_multiplier: float) -> dp_accounting.DpEvent:
        step = dp_accounting.GaussianDpEvent(noise_multiplier)
        if self.sampling_probability < 1.0:
            step = dp_accounting.PoissonSampledDpEvent(self.sampling_probability, step)
        return dp_accounting.SelfComposedDpEvent(step, self.steps)


def _require_probability(probability: float) -> None:
    if not 0.0 < probability <= 1.0:
        raise PrivacyError(f"sampling probability is {probability}; it must be in (0, 1]")


@lru_cache(maxsize=4096)
def _epsilon(
    event: dp_accounting.DpEvent, delta: float, discretisation: float = DISCRETISATION
) -> float:
    accountant = PLDAccountant(value_discretization_interval=discretisation)
    return float(accountant.compose(event).get_epsilon(delta))


def _calibrated(
    event: Callable[[float], dp_accounting.DpEvent], epsilon: float, delta: float
) -> float:
    """Return the least noise multiplier within ``epsilon``, by bisection on the epsilon."""
    if not epsilon > 0:
        raise PrivacyError(f"epsilon is {epsilon}; it must be above 0")
    if not 0 < delta < 1:
        raise PrivacyError(f"delta is {delta}; it must be between 0 and 1")

    def exceeds(noise_multiplier: float) -> bool:
        return _epsilon(event(noise_multiplier), delta, SEARCH_DISCRETISATION) > epsilon

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
