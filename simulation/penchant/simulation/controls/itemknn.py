"""Item-kNN: an item is scored by its similarity to the items that the person met."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.material import Material, met_before
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["ItemKNN"]

MOST_ITEMS = 30_000
_CELLS = 16_000_000  # similarities held dense at once


@dataclass(frozen=True, eq=False)
class _Neighbours:
    similarities: "csr_array"

    def score(
        self, split: LeaveOneOut, people: Int64Array, *, stage: Stage
    ) -> NDArray[np.floating[Any]]:
        met = met_before(split, people, stage=stage)
        scores: NDArray[np.float32] = (met @ self.similarities).toarray()
        return scores


class ItemKNN:
    """Cosine similarity of the sets of people who met two items, of each item's nearest.

    Sarwar et al., Item-based collaborative filtering recommendation algorithms, WWW 2001, eq. 3,
    on implicit events, shrunk as by Bell and Koren, KDD Cup 2007: co-occurrences over the product
    of norms plus the shrinkage.
    """

    name: ClassVar[str] = "item-knn"
    title: ClassVar[str] = "item-kNN"
    budget: ClassVar[tuple[Setting, ...]] = tuple(
        {"neighbours": neighbours, "shrinkage": shrinkage}
        for neighbours in (20, 100, 400)
        for shrinkage in (0, 20)
    )

    def obstacle(self, material: Material) -> str | None:
        """Refuse catalogues whose every pair of items cannot be looked at."""
        if material.items > MOST_ITEMS:
            return f"{material.items:,} items; up to {MOST_ITEMS:,} are compared in pairs"
        return None

    def fit(self, material: Material, setting: Setting) -> _Neighbours:
        """Keep each item's nearest."""
        from scipy.sparse import csr_array, vstack

        met = material.interactions.tocsc()
        norms = np.sqrt(material.popularity).astype(np.float32)
        keep = min(int(setting["neighbours"]), material.items)
        rows_at_once = max(1, _CELLS // material.items)
        parts = []
        for start in range(0, material.items, rows_at_once):
            rows = np.arange(start, min(start + rows_at_once, material.items))
            together = (met[:, rows].T @ met).toarray()
            together /= norms[rows, None] * norms + float(setting["shrinkage"]) + 1e-9
            together[np.arange(len(rows)), rows] = 0.0
            if keep < material.items:
                least = np.partition(together, -keep, axis=1)[:, -keep, None]
                together[together < least] = 0.0
            parts.append(csr_array(together))
        return _Neighbours(csr_array(vstack(parts)).T.tocsr())
