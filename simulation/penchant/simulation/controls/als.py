"""Implicit ALS: matrix factorisation of who met what, by the ``implicit`` package."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.extras import missing
from penchant.simulation.controls.material import Material, met_before
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["ImplicitALS"]

ITERATIONS = 15


@dataclass(frozen=True, eq=False)
class _Factors:
    model: Any

    def score(
        self, split: LeaveOneOut, people: Int64Array, *, stage: Stage
    ) -> NDArray[np.floating[Any]]:
        from scipy.sparse import csr_matrix

        met = csr_matrix(met_before(split, people, stage=stage))
        profiles = self.model.recalculate_user(np.arange(len(people)), met)
        scores: NDArray[np.float32] = profiles @ self.model.item_factors.T
        return scores


class ImplicitALS:
    """Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008.

    Confidence is 1 + alpha for what was met. A person's factors are solved anew from what they met
    before the held-out item.
    """

    name: ClassVar[str] = "als"
    title: ClassVar[str] = "implicit ALS"
    budget: ClassVar[tuple[Setting, ...]] = tuple(
        {"factors": factors, "regularisation": strength, "alpha": alpha}
        for factors in (16, 48)
        for strength in (0.1, 10.0)
        for alpha in (2.0, 10.0)
    )

    def obstacle(self, material: Material) -> str | None:  # noqa: ARG002
        """Refuse machines without implicit."""
        return missing("implicit", "implicit")

    def fit(self, material: Material, setting: Setting) -> _Factors:
        """Alternate between people and items."""
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix
        from threadpoolctl import threadpool_limits

        # implicit's own threads call BLAS; with threads of BLAS's own, each waits for the others.
        with threadpool_limits(1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=int(setting["factors"]),
                regularization=float(setting["regularisation"]),
                alpha=float(setting["alpha"]),
                iterations=ITERATIONS,
                num_threads=1,  # several add numbers up in an order that changes from run to run
                random_state=material.seed,
            )
            model.fit(csr_matrix(material.interactions), show_progress=False)
        return _Factors(model)
