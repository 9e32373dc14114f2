"""Ridge regression in closed form, of targets that are seen block by block."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Regression"]

Block = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Regression:
    """Ridge regression of targets on features, mean and all (Hoerl and Kennard, 1970, eq. 2.1).

    Attributes:
        count: n, of examples.
        centre: float64 (k,), mean features.
        mean: float64 (t,), mean targets.
        directions: float64 (k, k), one a column: the principal ones of the features.
        squares: float64 (k,), what the squared features along each add up to.
        products: float64 (k, t), what features along each times targets add up to.
        variations: float64 (t,), what squared targets about their mean add up to.
    """

    count: int
    centre: NDArray[np.float64]
    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    variations: NDArray[np.float64]

    @classmethod
    def of(cls, blocks: Iterable[Block]) -> Self:
        """Return the regression of examples: features, float32 (b, k), and targets, (b, t).

        Two passes: the second is about the means that the first has found, so that no digits are
        lost to them.

        Args:
            blocks: of at least one example; gone through twice.
        """
        sizes, sums = [], []
        for features, targets in blocks:
            sizes.append(len(features))
            sums.append([some.sum(axis=0, dtype=np.float64) for some in (features, targets)])
        count = sum(sizes)
        centre, mean = (np.sum(some, axis=0) / count for some in zip(*sums, strict=True))
        gram = np.zeros((len(centre), len(centre)))
        cross = np.zeros((len(centre), len(mean)))
        variations = np.zeros(len(mean))
        for features, targets in blocks:
            about, residual = features - centre, targets - mean
            gram += about.T @ about
            cross += about.T @ residual
            variations += np.square(residual).sum(axis=0)
        squares, directions = np.linalg.eigh(gram)
        return cls(
            count,
            centre,
            mean,
            directions,
            np.maximum(squares, 0),
            directions.T @ cross,
            variations,
        )

    def only(self, targets: slice) -> "Regression":
        """Return the regression of some of the targets."""
        return replace(
            self,
            mean=self.mean[targets],
            products=self.products[:, targets],
            variations=self.variations[targets],
        )

    @property
    def spread(self) -> float:
        """Frobenius norm of the examples' targets about their mean."""
        return float(np.sqrt(self.variations.sum()))

    def predicted(self, features: NDArray[np.float32], *, strength: float) -> NDArray[np.float64]:
        """Return what features, float32 (b, k), say of targets, float64 (b, t)."""
        coefficients = self.directions @ self._shrunk(strength)
        predicted: NDArray[np.float64] = (features - self.centre) @ coefficients + self.mean
        return predicted

    def predicted_spread(self, *, strength: float) -> float:
        """Return the Frobenius norm of the examples' own predictions about their mean."""
        squared = self.squares[:, np.newaxis] * np.square(self._shrunk(strength))
        return float(np.sqrt(squared.sum()))

    def best_strength(self, blocks: Iterable[Block], *, strengths: Sequence[float]) -> float:
        """Return the strength that predicts each example best from the others.

        By PRESS (Golub, Heath and Wahba, Technometrics 21(2), 1979, eq. 1.4), exact in closed form.

        Args:
            blocks: the same examples again.
            strengths: to choose among, above 0; of equal ones the first.
        """
        shrinkages = 1 / (self.squares[:, np.newaxis] + np.asarray(strengths))
        losses = np.zeros(len(strengths))
        for features, targets in blocks:
            along, residual = (features - self.centre) @ self.directions, targets - self.mean
            # The mean is fitted too; it takes its own share of each example's leverage.
            leverages = np.square(along) @ shrinkages + 1 / self.count
            for number, strength in enumerate(strengths):
                errors = residual - along @ self._shrunk(strength)
                errors /= np.maximum(1 - leverages[:, number], 1e-9)[:, np.newaxis]
                losses[number] += np.square(errors).sum()
        return float(strengths[int(losses.argmin())])

    def _shrunk(self, strength: float) -> NDArray[np.float64]:
        """Return the coefficients along the directions, float64 (k, t)."""
        return self.products / (self.squares + strength)[:, np.newaxis]
