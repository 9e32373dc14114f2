"""Recency: popularity of the time just before, by exponentially decayed counts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.material import Material
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Recency"]


@dataclass(frozen=True, eq=False)
class _DecayedCounts:
    """Training events in order of time, and how fast they are forgotten."""

    items: Int64Array
    times: Int64Array
    half_life: float

    def score(self, split: LeaveOneOut, people: Int64Array, *, stage: Stage) -> NDArray[np.float64]:
        at_test = stage == "test"
        moments = (split.test_times if at_test else split.validation_times)[people]
        counts = np.zeros(split.training.n_items)
        scores = np.empty((len(people), counts.size))
        counted, clock = 0, int(moments.min(initial=0))
        for row in np.argsort(moments, kind="stable"):
            now = int(moments[row])
            counts *= 0.5 ** ((now - clock) / self.half_life)
            until = int(np.searchsorted(self.times, now))
            new = slice(counted, until)
            weights = 0.5 ** ((now - self.times[new]) / self.half_life)
            counts += np.bincount(self.items[new], weights, minlength=counts.size)
            scores[row] = counts
            counted, clock = until, now
        return scores


class Recency:
    """Score an item by the training events before the held-out one, the latest counting most.

    An event that is one half-life old counts half. Half-lives are shares of the time from the first
    training event to the last, so they suit any unit of time, order included.
    """

    name: ClassVar[str] = "recency"
    title: ClassVar[str] = "recent popularity"
    budget: ClassVar[tuple[Setting, ...]] = tuple(
        {"half-life": share} for share in (0.005, 0.02, 0.08, 0.3)
    )

    def obstacle(self, material: Material) -> None:
        """Return None: it can always be had."""

    def fit(self, material: Material, setting: Setting) -> _DecayedCounts:
        """Order the training events by time."""
        _, items, times = material.events
        order = np.argsort(times, kind="stable")
        span = float(times[order[-1]] - times[order[0]]) if len(order) else 0.0
        return _DecayedCounts(
            items[order],
            times[order],
            half_life=max(1.0, span * float(setting["half-life"])),
        )
