"""A population for cohort fidelity: no devices, only what the engine needs of them."""

from collections.abc import Callable
from pathlib import Path

from penchant.shared.contract import TrainingTask
from penchant.shared.scoring import Scorer
from penchant.simulation.cohort.block import Block, BlockTraining
from penchant.simulation.cohort.grid import CohortGrid
from penchant.simulation.cohort.vectors import PrivateVectors
from penchant.simulation.datasets import Dataset
from penchant.simulation.grid import LocalGrid
from penchant.simulation.workers import Workers

__all__ = ["CohortPopulation"]


class CohortPopulation:
    """People's training events and private vectors, trained block by block.

    Args:
        folder: where the private vectors live.
        training: each person's training events; person i is device i.
        scorer: the initial ranker over the data set's catalogue.
        workers: where blocks are trained.

    Attributes:
        private_vectors: of all devices; indexed by people, int64 (n,), it gives float32 (n, d).
    """

    answers_in_blocks = True

    def __init__(
        self,
        folder: Path,
        training: Dataset,
        scorer: Scorer,
        workers: Workers[TrainingTask, Block, BlockTraining],
    ) -> None:
        settings = scorer.ranker.settings
        self._training = training
        self._scorer = scorer
        self._workers = workers
        self.private_vectors = PrivateVectors(
            folder, devices=training.n_people, dimension=settings.dimension
        )

    def __len__(self) -> int:
        """Return the number of devices."""
        return self._training.n_people

    def observe_training(self) -> None:
        """Do nothing: blocks are cut from the training events themselves."""

    def grid(self, *, on_reply: Callable[[int], None]) -> LocalGrid:
        """Return the grid that asks these devices."""
        return CohortGrid(
            self._training,
            self.private_vectors,
            self._workers,
            scorer=self._scorer,
            on_reply=on_reply,
        )
