"""What the devices of a cohort train on: labelled items, batch by batch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.bilinear.items import FloatArray, Items

__all__ = ["Examples"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled items of n devices, in S steps of at most m examples each.

    Args:
        rows: int64 (n, S, m), catalogue rows; any valid row where an example is absent.
        labels: float32 (n, S, m), from 0 to 1.
        present: bool (n, S, m), which examples there are; None when all are. A device with fewer
            examples or steps than others has absent ones, and its batches may be of any size.
    """

    rows: NDArray[np.int64]
    labels: FloatArray
    present: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shapes = [self.rows.shape, self.labels.shape]
        shapes += [] if self.present is None else [self.present.shape]
        if self.rows.ndim != 3 or len(set(shapes)) != 1:
            raise DataError(
                "rows, labels and presence of examples must have one shape "
                f"(devices, steps, batch); got {', '.join(map(str, shapes))}"
            )
        if 0 in self.rows.shape[1:]:
            raise DataError(
                f"rows of examples have shape {self.rows.shape}; there must be a step and a place "
                "in its batch"
            )
        if self.rows.dtype.kind not in "iu":
            raise DataError(f"rows of examples are {self.rows.dtype}; they must be whole numbers")
        if not ((self.labels >= 0) & (self.labels <= 1)).all():
            raise DataError("labels of examples must be from 0 to 1")

    @property
    def devices(self) -> int:
        """n, the number of devices."""
        return len(self.rows)

    @property
    def steps(self) -> int:
        """S, the number of local steps."""
        return int(self.rows.shape[1])

    def of(self, devices: slice) -> "Examples":
        """Return the examples of some devices."""
        present = None if self.present is None else self.present[devices]
        return Examples(self.rows[devices], self.labels[devices], present)

    def among(self, items: Items) -> "Examples":
        """Return the same examples with each absent one at the item of zeros.

        Raises:
            DataError: a row is not one of ``items``.
        """
        if self.rows.size and (self.rows.min() < 0 or self.rows.max() >= items.count):
            raise DataError(
                f"rows of examples are from {self.rows.min()} to {self.rows.max()}; "
                f"with {items.count} items they must be from 0 to {items.count - 1}"
            )
        if self.present is None:
            return self
        return Examples(np.where(self.present, self.rows, items.count), self.labels, self.present)
