"""Popularity: how many people have the item among their training events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.material import Material
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Popularity"]


@dataclass(frozen=True, eq=False)
class _SameForAll:
    counts: NDArray[np.float64]

    def score(
        self,
        split: LeaveOneOut,  # noqa: ARG002
        people: Int64Array,
        *,
        stage: Stage,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        return np.broadcast_to(self.counts, (people.size, self.counts.size))


class Popularity:
    """The same for everybody, and the least that personal ranking has to beat."""

    name: ClassVar[str] = "popularity"
    title: ClassVar[str] = "popularity"
    budget: ClassVar[tuple[Setting, ...]] = ({},)

    def obstacle(self, material: Material) -> None:
        """Return None: it can always be had."""

    def fit(self, material: Material, setting: Mapping[str, object]) -> _SameForAll:  # noqa: ARG002
        """Count."""
        return _SameForAll(material.popularity)
