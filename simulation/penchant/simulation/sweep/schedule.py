"""How much noise a budget puts into the mean update, by the number of devices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from penchant.shared.metrics import FloatArray
from penchant.simulation.plan import Plan
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.records import Place

__all__ = ["MOST_DEVICES", "NoiseSchedule"]

MOST_DEVICES = 10**8
_STEPS_A_DECADE = 50


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The noise in the mean update, noise multiplier / expected cohort, over population sizes.

    Attributes:
        largest: devices of the largest run.
        devices: float64 (n,), sizes, increasing, from the smallest run to 10^8.
        noise: float64 (n,), at each.
    """

    largest: int
    devices: FloatArray
    noise: FloatArray

    @classmethod
    def of(cls, settings: SimulationSettings, measured: Mapping[int, float]) -> "NoiseSchedule":
        """Return the schedule of one budget.

        Between sizes that are known it is interpolated, by logarithms: it bends little there.

        Args:
            settings: of one of the runs.
            measured: noise by the devices of the runs.
        """
        largest = max(measured)
        ahead = {max(10 * largest, 10**6), MOST_DEVICES}
        known = dict(measured) | {
            size: _planned(settings, size) for size in ahead if largest < size <= MOST_DEVICES
        }
        sizes = np.log(sorted(known))
        decades = (sizes[-1] - sizes[0]) / math.log(10)
        fine = np.linspace(sizes[0], sizes[-1], max(2, math.ceil(decades * _STEPS_A_DECADE)))
        noise = np.interp(fine, sizes, np.log([known[size] for size in sorted(known)]))
        return cls(largest, np.exp(fine), np.exp(noise))

    def at(self, devices: float) -> float:
        """Return the noise in a population of so many devices."""
        return float(np.exp(np.interp(np.log(devices), np.log(self.devices), np.log(self.noise))))

    def least(self, noise: float) -> float:
        """Return the least number of devices with no more noise: infinity, if none has."""
        enough = np.flatnonzero(self.noise <= noise)
        if not enough.size:
            return math.inf
        first = int(enough[0])
        if first == 0:
            return float(self.devices[0])
        pair = slice(first - 1, first + 1)
        # Noise falls from the one to the other, and np.interp wants it to rise.
        place = np.interp(
            math.log(noise), np.log(self.noise[pair])[::-1], np.log(self.devices[pair])[::-1]
        )
        return float(np.exp(place))

    def place(self, devices: float) -> Place:
        """Say where a number of devices is among those that were run."""
        if math.isinf(devices):
            return "never"
        if devices <= self.devices[0]:
            return "below"
        return "within" if devices <= self.largest else "beyond"


@lru_cache(maxsize=256)
def _planned(settings: SimulationSettings, devices: int) -> float:
    rounds = Plan.of(settings, population=devices).rounds
    return rounds.noise_multiplier / rounds.expected_cohort
