"""How utility falls with noise: a curve of two numbers, fitted to runs and read beyond them.

What the server's noise does to a ranker depends on the noise in the mean update, x = noise
multiplier / expected cohort, in clipping norms. The share of a metric that is lost is taken as

    L(x) = most (x / half)^slope / (1 + (x / half)^slope)

where ``most`` is known, since enough noise leaves chance, and ``half`` and ``slope`` are fitted.
Near no noise a smooth metric at its best loses in proportion to the noise's variance, slope 2; the
data decide. Nothing proves that the curve holds beyond the runs it was fitted to, so it is checked
on a population that was left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from penchant.shared.errors import DataError
from penchant.shared.metrics import FloatArray

__all__ = ["NoiseCurve"]

_SLOPES = (0.25, 6.0)
_FARTHEST = 1e3  # of ``half`` from the noise that was seen, as a factor


@dataclass(frozen=True)
class NoiseCurve:
    """The share of a metric that noise costs.

    Attributes:
        half: noise in the mean update, in clipping norms, at which half of ``most`` is lost.
        slope: how steeply it is lost.
        most: the share that lies above chance, in (0, 1].
    """

    half: float
    slope: float
    most: float

    @classmethod
    def fitted(
        cls,
        noise: FloatArray,
        losses: FloatArray,
        errors: FloatArray,
        *,
        most: float,
        start: "NoiseCurve | None" = None,
    ) -> "NoiseCurve":
        """Return the curve nearest to losses, by least squares in units of their errors.

        Args:
            noise: float64 (n,), above 0; at least two different ones.
            losses: float64 (n,), shares lost.
            errors: float64 (n,), their standard errors, above 0.
            most: the share that lies above chance.
            start: where to begin the search.

        Raises:
            DataError: there are fewer than two different noises.
        """
        if np.unique(noise).size < 2:
            raise DataError(
                f"{np.unique(noise).size} different noises were run; a curve needs at least 2, so "
                "sweep over more budgets or populations"
            )
        middle = float(np.exp(np.log(noise).mean()))
        first = (0.0, np.log(2.0))
        if start is not None:
            first = (float(np.log(start.half / middle)), float(np.log(start.slope)))
        lowest, highest = np.log(noise.min() / _FARTHEST), np.log(noise.max() * _FARTHEST)
        bounds = np.array([[lowest - np.log(middle), highest - np.log(middle)], np.log(_SLOPES)]).T
        x = np.log(noise / middle)

        def off(shape: NDArray[np.float64]) -> FloatArray:
            risen = 1 / (1 + np.exp(-np.exp(shape[1]) * (x - shape[0])))
            return np.asarray((most * risen - losses) / errors)

        found = least_squares(off, np.clip(first, *bounds), bounds=tuple(bounds))
        return cls(middle * float(np.exp(found.x[0])), float(np.exp(found.x[1])), most)

    def loss(self, noise: FloatArray) -> FloatArray:
        """Return the shares that noise costs: float64, as ``noise``, in [0, most)."""
        risen = (np.asarray(noise) / self.half) ** self.slope
        return np.asarray(self.most * risen / (1 + risen))

    def noise_at(self, loss: float) -> float:
        """Return the noise that costs a share ``loss``; infinity, where none costs so much."""
        if loss >= self.most:
            return float("inf")
        return float(self.half * (loss / (self.most - loss)) ** (1 / self.slope))
