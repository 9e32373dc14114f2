"""A round's measures: summed as they come, noised as updates are, and read with their error."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.server.aggregation import UpdateSum
from penchant.shared.contract import MEASURE_SIZE
from penchant.shared.measures import MEASURE_NORM, unscaled
from penchant.shared.randomness import Randomness

__all__ = ["Estimate", "MeasureSum", "Measured", "pooled"]

# With fewer devices than so many standard deviations of the noise, a mean is mostly noise.
FEWEST_DEVIATIONS = 3.0


@dataclass(frozen=True)
class Estimate:
    """A mean over devices.

    Attributes:
        mean: in [0, 1].
        error: its standard error.
    """

    mean: float
    error: float


@dataclass(frozen=True)
class Measured:
    """What is known of how well rankers served devices: noised sums, and nothing of any device.

    Attributes:
        hits: sum of the devices' HR@10.
        gains: sum of their NDCG@10.
        devices: how many had something to measure.
        deviation: standard deviation of the noise on each of the three; 0 for none.
    """

    hits: float
    gains: float
    devices: float
    deviation: float

    @property
    def hit_rate(self) -> Estimate | None:
        """HR@10, a mean over devices; None with too few of them for a figure."""
        return self._mean_of(self.hits)

    @property
    def ndcg(self) -> Estimate | None:
        """NDCG@10, a mean over devices; None with too few of them for a figure."""
        return self._mean_of(self.gains)

    def _mean_of(self, total: float) -> Estimate | None:
        """Return a ratio of noised sums, with its error to first order.

        Noise of deviation s on both makes s (1 + m^2)^1/2 / n of it. The devices asked are a
        sample: of values in [0, 1] with mean m the variance is at most m (1 - m) (Bhatia and
        Davis, 2000, "A better bound on the variance"), and that over n is added.
        """
        if self.devices <= max(0.0, FEWEST_DEVIATIONS * self.deviation):
            return None
        mean = min(1.0, max(0.0, total / self.devices))
        noise = self.deviation**2 * (1.0 + mean**2) / self.devices**2
        sample = mean * (1.0 - mean) / self.devices
        return Estimate(mean, math.sqrt(noise + sample))


def pooled(rounds: Iterable[Measured]) -> Measured:
    """Return what several rounds, each with noise of its own, say together."""
    found = list(rounds)
    return Measured(
        hits=math.fsum(one.hits for one in found),
        gains=math.fsum(one.gains for one in found),
        devices=math.fsum(one.devices for one in found),
        deviation=math.hypot(*(one.deviation for one in found)),
    )


class MeasureSum:
    """Sum of a round's measures, each clipped to norm 1 again; a device need not have."""

    def __init__(self) -> None:
        self._sum = UpdateSum(MEASURE_SIZE, clipping_norm=MEASURE_NORM)

    def add(self, measure: NDArray[np.float32]) -> None:
        """Add a measure, float32 (3,)."""
        self._sum.add(measure)

    def add_total(self, total: NDArray[np.float64], *, count: int) -> None:
        """Add the sum of ``count`` measures, float64 (3,).

        Raises:
            RoundError: the sum is not finite, or longer than measures can make it.
        """
        self._sum.add_total(total, count=count)

    def measured(self, *, noise_multiplier: float, randomness: Randomness) -> Measured:
        """Return the sums with noise.

        Args:
            noise_multiplier: standard deviation of the noise / 1; 0 for none.
            randomness: draws it.
        """
        noised = self._sum.noised_sum(noise_multiplier=noise_multiplier, randomness=randomness)
        hits, gains, devices = (float(total) for total in unscaled(noised))
        deviation = float(unscaled(np.array([noise_multiplier * MEASURE_NORM]))[0])
        return Measured(hits, gains, devices, deviation)
