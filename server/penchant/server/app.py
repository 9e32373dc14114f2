"""The Flower ``ServerApp`` of every penchant run, in a simulation and in the field."""

from collections.abc import Callable

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from penchant.server.checkpoints import RoundState
from penchant.server.outcome import RoundOutcome
from penchant.server.settings import RoundSettings
from penchant.server.strategy import CohortStrategy
from penchant.shared.randomness import Randomness
from penchant.shared.ranker import Ranker

__all__ = ["server_app"]


def server_app(
    ranker: Ranker,
    state: RoundState,
    *,
    settings: RoundSettings,
    randomness: Randomness,
    on_cohort: Callable[[int, int], None],
    on_round: Callable[[RoundOutcome, RoundState], None],
    takes_blocks: bool = False,
    at_once: int | None = None,
) -> ServerApp:
    """Return the app that runs the rounds left after ``state``.

    Args:
        ranker: what is trained.
        state: where the run stands; ``RoundState.initial`` to begin.
        settings: how rounds are run.
        randomness: draws cohorts and noise.
        on_cohort: told the round and its cohort's size before devices are asked.
        on_round: told each finished round and the state it left.
        takes_blocks: see ``CohortStrategy``.
        at_once: run no more rounds than these now; all that are left, if not given.
    """
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:  # noqa: ARG001 - Flower's signature
        left = settings.rounds - state.round_number
        if at_once is not None:
            left = min(left, at_once)
        if left <= 0:
            return
        strategy = CohortStrategy(
            ranker,
            state,
            settings=settings,
            randomness=randomness,
            on_cohort=on_cohort,
            on_round=on_round,
            takes_blocks=takes_blocks,
        )
        strategy.start(
            grid,
            strategy.initial_arrays(),
            num_rounds=left,
            timeout=settings.reply_timeout,
        )

    return app
