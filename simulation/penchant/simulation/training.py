"""The federated training of a simulation: the deployed server and devices, in one process."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from flwr.app import Context, RecordDict

from penchant.client.app import client_app
from penchant.server.app import server_app
from penchant.server.checkpoints import RoundState
from penchant.server.strategy import RoundOutcome
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer
from penchant.simulation.grid import RUN_ID, DeviceGrid
from penchant.simulation.plan import Plan
from penchant.simulation.population import Population

__all__ = ["FinishedRound", "train_federated"]


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
    population: Population,
    plan: Plan,
    *,
    randomness: SeededRandomness,
    on_cohort: Callable[[int, int], None],
    on_reply: Callable[[], None],
    on_round: Callable[[FinishedRound], None],
) -> None:
    """Run the rounds left after ``state``.

    Args:
        scorer: the initial ranker.
        state: where the run stands.
        population: the devices.
        plan: constants of the run.
        randomness: draws cohorts and central noise.
        on_cohort: told the round and its cohort's size before devices are asked.
        on_reply: told after each device's reply.
        on_round: told each finished round before the next begins.
    """
    # Flower narrates every round; a simulation has its own display.
    logging.getLogger("flwr").setLevel(logging.WARNING)
    clock = _Stopwatch()

    def cohort_drawn(round_number: int, devices: int) -> None:
        clock.restart()
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
    )
    grid = DeviceGrid(client_app(population.training), devices=len(population), on_reply=on_reply)
    context = Context(run_id=RUN_ID, node_id=0, node_config={}, state=RecordDict(), run_config={})
    app(grid, context)


class _Stopwatch:
    def __init__(self) -> None:
        self._start = time.perf_counter()

    def restart(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._start
