"""EASE: a linear item-to-item model in closed form."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.material import Material, met_before
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["EASE"]

MOST_ITEMS = 8_000


@dataclass(frozen=True, eq=False)
class _Linear:
    weights: NDArray[np.float32]

    def score(
        self, split: LeaveOneOut, people: Int64Array, *, stage: Stage
    ) -> NDArray[np.floating[Any]]:
        scores: NDArray[np.float32] = met_before(split, people, stage=stage) @ self.weights
        return scores


class EASE:
    """Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019, equation 8.

    With P the inverse of X'X + lambda I, the weights are B = I - P / diag(P): zero on the diagonal.
    """

    name: ClassVar[str] = "ease"
    title: ClassVar[str] = "EASE"
    budget: ClassVar[tuple[Setting, ...]] = tuple(
        {"lambda": strength} for strength in (50, 100, 200, 400, 800, 1600)
    )

    def obstacle(self, material: Material) -> str | None:
        """Refuse catalogues whose matrix takes too long to invert."""
        if material.items > MOST_ITEMS:
            return (
                f"{material.items:,} items; up to {MOST_ITEMS:,} can be had, since the time grows "
                "with the cube of their number"
            )
        return None

    def fit(self, material: Material, setting: Setting) -> _Linear:
        """Invert."""
        from scipy.linalg import cho_factor, cho_solve

        met = material.interactions
        gram = (met.T @ met).toarray().astype(np.float32)
        gram[np.diag_indices_from(gram)] += float(setting["lambda"])
        identity = np.eye(material.items, dtype=np.float32)
        inverse = cho_solve(cho_factor(gram, overwrite_a=True), identity, overwrite_b=True)
        weights = (-inverse / np.diag(inverse)).astype(np.float32)
        np.fill_diagonal(weights, 0.0)
        return _Linear(weights)
