"""The running sum of a round's updates: each is checked, clipped, added and dropped."""

import math

import numpy as np
from numpy.typing import NDArray

from penchant.shared.clipping import clip_to_norm
from penchant.shared.errors import RoundError
from penchant.shared.randomness import Randomness

__all__ = ["UpdateSum"]

ROUNDING = 1e-4  # that a sum of float32 numbers may be off by


class UpdateSum:
    """Sum of clipped updates with equal weights; its memory does not grow with the cohort.

    Args:
        size: D, length of an update.
        clipping_norm: C, bound on each update's norm; None for no bound.
    """

    def __init__(self, size: int, *, clipping_norm: float | None) -> None:
        self._sum = np.zeros(size, dtype=np.float64)
        self._clipping_norm = clipping_norm
        self._count = 0

    @property
    def count(self) -> int:
        """Number of updates added."""
        return self._count

    def add(self, update: NDArray[np.float32]) -> None:
        """Add an update, float32 (D,), clipped again: a device need not have."""
        if self._clipping_norm is not None:
            update = clip_to_norm(update, clipping_norm=self._clipping_norm)
        self._sum += update
        self._count += 1

    def add_total(self, total: NDArray[np.float32] | NDArray[np.float64], *, count: int) -> None:
        """Add the sum of ``count`` clipped updates, (D,).

        Raises:
            RoundError: the sum is not finite, or longer than clipped updates can make it.
        """
        # Not by a linear algebra library, whose threads would go on spinning beside the devices'.
        norm = math.sqrt(float(np.square(total, dtype=np.float64).sum()))
        largest = math.inf if self._clipping_norm is None else count * self._clipping_norm
        if not (math.isfinite(norm) and norm <= largest * (1 + ROUNDING)):
            raise RoundError(
                f"the sum of {count} updates has norm {norm:g}; updates clipped to "
                f"{self._clipping_norm} add up to at most {largest:g}"
            )
        self._sum += total
        self._count += count

    def mean(self) -> NDArray[np.float32]:
        """Return the mean of the updates added, float32 (D,)."""
        return (self._sum / self._count).astype(np.float32)

    def private_mean(
        self, *, noise_multiplier: float, expected_count: float, randomness: Randomness
    ) -> NDArray[np.float32]:
        """Return the noised sum over a public count, float32 (D,).

        McMahan et al. (2018), "Learning differentially private recurrent language models", the
        fixed-denominator estimator: noise of standard deviation ``noise_multiplier`` x C on the
        sum of updates of norm at most C, divided by the expected cohort, not the real one.
        """
        noisy = self.noised_sum(noise_multiplier=noise_multiplier, randomness=randomness)
        return (noisy / expected_count).astype(np.float32)

    def noised_sum(self, *, noise_multiplier: float, randomness: Randomness) -> NDArray[np.float64]:
        """Return the sum with noise of standard deviation ``noise_multiplier`` x C, float64 (D,).

        With multiplier 0 it is the sum itself.
        """
        if self._clipping_norm is None:
            raise ValueError("noise needs a clipping norm; RoundSettings ensures it")
        if noise_multiplier == 0:
            return self._sum.copy()
        deviation = noise_multiplier * self._clipping_norm
        return self._sum + deviation * randomness.normal(len(self._sum))
