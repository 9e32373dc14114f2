"""Training whose worker is killed once: functions of a module, as workers need them."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from penchant.shared.contract import TrainingTask
from penchant.simulation.cohort.block import Block, BlockTraining, Constants
from penchant.simulation.cohort.engine import train_block


@dataclass(frozen=True, eq=False)
class Mortal:
    """Constants of training whose worker is killed once.

    Attributes:
        constants: of the training.
        word: file that says that it has happened.
        round_number: in which round.
    """

    constants: Constants
    word: Path
    round_number: int


def train_or_die(mortal: Mortal, task: TrainingTask, block: Block) -> BlockTraining:
    """Train a block, but for the first one of a round, whose worker is killed at it."""
    if task.round_number == mortal.round_number and not mortal.word.exists():
        mortal.word.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return train_block(mortal.constants, task, block)
