"""The items that devices share, ready to be looked up by row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.bilinear.scratch import scratch

__all__ = ["FloatArray", "Items"]

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Items:
    """Features of J items, with what makes look-ups cheap.

    A constant 1 is appended to each item's features, so that the bias is one more row of the
    weights; and a last item of zeros stands in for absent examples, which then add nothing.

    Attributes:
        features: float32 (J + 1, k + 1).
        squared_norms: float32 (J + 1,), of the rows of ``features``.
    """

    features: FloatArray
    squared_norms: FloatArray

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> "Items":
        """Prepare items; do it once for a catalogue, not every round.

        Args:
            features: (J, k), finite.

        Raises:
            DataError: the features are not a matrix of finite numbers with a row.
        """
        if features.ndim != 2 or len(features) == 0:
            raise DataError(
                f"item features have shape {features.shape}; they must be (items, features) "
                "with at least one item"
            )
        if not np.isfinite(features).all():
            raise DataError("item features must be finite; remove the items whose are not")
        prepared = np.zeros((len(features) + 1, features.shape[1] + 1), dtype=np.float32)
        prepared[:-1, :-1] = features
        prepared[:-1, -1] = 1.0
        return cls(prepared, np.einsum("jk,jk->j", prepared, prepared))

    @property
    def count(self) -> int:
        """J, the number of items."""
        return len(self.features) - 1

    def of_rows(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return the features of ``rows``, any shape (...): float32 (..., k + 1).

        They are this thread's until it asks for others.
        """
        # Rows were checked with the examples; "clip" spares a second check and a buffer.
        found = scratch("features", (*rows.shape, self.features.shape[1]))
        return self.features.take(rows, axis=0, mode="clip", out=found)

    def only(self, rows: NDArray[np.int64]) -> "Items":
        """Return the items of ``rows``, int64 (R,), alone and in that order."""
        kept = np.append(rows, self.count)
        return Items(self.features[kept], self.squared_norms[kept])
