"""What a control is: something simpler than penchant, or freer, that is fitted and then scores."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.material import Material
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Control", "Fitted", "Setting"]

# What is tuned, by name; shown in reports.
Setting: TypeAlias = Mapping[str, float | int | str]


class Fitted(Protocol):
    """A control that has seen the training events."""

    def score(
        self, split: LeaveOneOut, people: Int64Array, *, stage: Stage
    ) -> NDArray[np.floating[Any]]:
        """Return the scores of all items, floats (n, J).

        Args:
            split: says what people met before the held-out item, by which they are known.
            people: int64 (n,).
            stage: which held-out item is to be ranked.
        """


class Control(Protocol):
    """One way to rank, with the settings that may be tried.

    Attributes:
        name: names it in summaries, such as ``"item-knn"``.
        title: names it for people.
        budget: the settings that are tried on validation; at most ``BUDGET``.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def budget(self) -> tuple[Setting, ...]: ...  # noqa: D102

    def obstacle(self, material: Material) -> str | None:
        """Return why it cannot be had on this data, for people; None if it can."""

    def fit(self, material: Material, setting: Setting) -> Fitted:
        """Learn from the training events, and from nothing else."""
