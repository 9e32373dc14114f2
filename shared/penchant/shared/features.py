"""Item features: a public affine map of the embeddings, fixed with the catalogue.

Centring and, for small rankers, a low-rank basis are computed from the catalogue's embeddings
alone. They hold nothing about any person, cost no privacy, and travel with the ranker.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError

__all__ = ["FeatureMap"]


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """f = (e - mean) basis.

    Attributes:
        mean: float32 (m,).
        basis: float32 (m, k).
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @staticmethod
    def largest_rank(embeddings: NDArray[np.float32]) -> int:
        """Return how many directions float32 (J, m) embeddings can differ in: min(J - 1, m)."""
        items, dimension = embeddings.shape
        return min(int(items) - 1, int(dimension))

    @classmethod
    def principal(cls, embeddings: NDArray[np.float32], *, rank: int, length: float = 1.0) -> Self:
        """Return the map onto the ``rank`` leading principal directions of ``embeddings``.

        Features are scaled by one number so that their root mean squared norm over the catalogue
        is ``length``; relative lengths and angles within the kept directions stay as they are.

        Args:
            embeddings: float32 (J, m).
            rank: k, from 1 to min(J - 1, m): J items differ in J - 1 directions.
            length: root mean squared norm of the features, above 0.

        Raises:
            ConfigurationError: ``rank`` is out of range.
        """
        largest = cls.largest_rank(embeddings)
        if not 1 <= rank <= largest:
            raise ConfigurationError(
                f"feature rank is {rank}; embeddings of shape {embeddings.shape} allow 1 to "
                f"{largest}"
            )
        wide = embeddings.astype(np.float64)
        mean = wide.mean(axis=0)
        _, _, directions = np.linalg.svd(wide - mean, full_matrices=False)
        basis = directions[:rank].T
        # The sign of a singular vector is arbitrary; fix it so that every machine agrees.
        largest_entries = np.abs(basis).argmax(axis=0)
        basis = basis * np.sign(basis[largest_entries, np.arange(rank)])
        scale = np.sqrt(np.mean(np.sum(((wide - mean) @ basis) ** 2, axis=1)))
        if scale == 0:
            raise ConfigurationError("all items have the same embedding; they must differ")
        return cls(mean.astype(np.float32), (basis / (scale / length)).astype(np.float32))

    @property
    def rank(self) -> int:
        """Length k of the features."""
        return int(self.basis.shape[1])

    def apply(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of ``embeddings``: float32 (..., m) to (..., k)."""
        features: NDArray[np.float32] = np.matmul(embeddings - self.mean, self.basis)
        return features
