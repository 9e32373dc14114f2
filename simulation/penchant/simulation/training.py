"""The federated training of a simulation: the deployed server and devices, in one process."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flwr.app import Context, RecordDict

from penchant.server.app import server_app
from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer
from penchant.simulation.dropout import DropoutGrid
from penchant.simulation.grid import RUN_ID, LocalGrid
from penchant.simulation.plan import Plan
from penchant.simulation.ranking import VectorTable

__all__ = ["Devices", "FinishedRound", "train_federated"]

# The server's streams are named by rounds, of which there are never so many.
DROPOUT_STREAM = 2**32 - 1


class Devices(Protocol):
    """A population of simulated devices; person i of the data set is device i."""

    @property
    def answers_in_blocks(self) -> bool:
        """Whether replies are sums over several devices."""

    @property
    def private_vectors(self) -> VectorTable:
        """The private vectors as they stand."""

    def observe_training(self) -> None:
        """Let the devices observe their people's training events, unless they have."""

    def grid(self, *, on_reply: Callable[[int], None]) -> LocalGrid:
        """Return the grid that asks these devices.

        Args:
            on_reply: told how many devices have answered, after each reply.
        """


@dataclass(frozen=True)
class FinishedRound:
    """A round that is over.

    Attributes:
        outcome: what happened.
        state: what it left.
        seconds: how long it took.
    """

    outcome: RoundOutcome
    state: RoundState
    seconds: float


def train_federated(
    scorer: Scorer,
    state: RoundState,
    devices: Devices,
    plan: Plan,
    *,
    randomness: SeededRandomness,
    on_cohort: Callable[[int, int], None],
    on_reply: Callable[[int], None],
    on_round: Callable[[FinishedRound], None],
) -> None:
    """Run the rounds left after ``state``.

    Args:
        scorer: the initial ranker.
        state: where the run stands.
        devices: the population.
        plan: constants of the run.
        randomness: draws cohorts and central noise.
        on_cohort: told the round and its cohort's size before devices are asked.
        on_reply: told how many devices have answered, after each reply.
        on_round: told each finished round before the next begins.
    """
    # Flower narrates every round; a simulation has its own display.
    logging.getLogger("flwr").setLevel(logging.WARNING)
    clock = _Stopwatch()
    grid = DropoutGrid(
        devices.grid(on_reply=on_reply),
        dropout=plan.dropout,
        shuffled=plan.rounds.closing_count is not None,
        randomness=randomness.spawn(DROPOUT_STREAM),
    )

    def cohort_drawn(round_number: int, devices: int) -> None:
        clock.restart()
        grid.begin(round_number)
        on_cohort(round_number, devices)

    def round_done(outcome: RoundOutcome, after: RoundState) -> None:
        on_round(FinishedRound(outcome, after, clock.seconds()))

    app = server_app(
        scorer.ranker,
        state,
        settings=plan.rounds,
        randomness=randomness,
        on_cohort=cohort_drawn,
        on_round=round_done,
        takes_blocks=devices.answers_in_blocks,
    )
    context = Context(run_id=RUN_ID, node_id=0, node_config={}, state=RecordDict(), run_config={})
    app(grid, context)


class _Stopwatch:
    def __init__(self) -> None:
        self._start = time.perf_counter()

    def restart(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._start
