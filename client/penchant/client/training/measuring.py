"""The measure that a task asks for: of the ranker it gives, before anything is learnt from it."""

import numpy as np
from numpy.typing import NDArray

from penchant.shared.contract import TrainingTask
from penchant.shared.history import History
from penchant.shared.measures import measure_of, nothing_measured
from penchant.shared.newitems import ranked
from penchant.shared.scoring import Scorer

__all__ = ["given", "task_measure"]


def task_measure(
    task: TrainingTask,
    scorer: Scorer,
    history: History,
    private_vector: NDArray[np.float32],
    *,
    new: NDArray[np.bool_],
) -> NDArray[np.float32] | None:
    """Return the measure of the ranker in ``task``, float32 (3,), or None if it asks for none.

    Args:
        task: what is asked.
        scorer: of the same ranker, at any release.
        history: all of the person's events.
        private_vector: float32 (d,), as the rounds before left it.
        new: bool (n,), the events to foretell; where there is none, the measure is zeros.
    """
    if task.measure_noise_multiplier is None:
        return None
    if not new.any():
        return nothing_measured()
    return measure_of(given(task, scorer), history, private_vector, new=new)


def given(task: TrainingTask, scorer: Scorer) -> Scorer:
    """Return the scorer of the ranker in ``task``, as it ranks.

    Args:
        task: gives the ranker.
        scorer: of the same ranker, at any release.
    """
    # All features are at hand: training reads them too.
    return ranked(scorer.with_features(scorer.features).with_vector(task.vector))
