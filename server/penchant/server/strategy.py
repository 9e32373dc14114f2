"""The Flower strategy of every penchant run: Poisson cohorts, streaming sums, user-level noise."""

from collections.abc import Callable, Generator, Iterable
from logging import INFO

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from flwr.supercore import log
from numpy.typing import NDArray

from penchant.server.aggregation import UpdateSum
from penchant.server.checkpoints import RoundState
from penchant.server.cohorts import draw_cohort
from penchant.server.gathering import Gathering
from penchant.server.measures import Measured, MeasureSum
from penchant.server.optimiser import ServerOptimiser
from penchant.server.outcome import RoundOutcome
from penchant.server.robust import HeldUpdates, require_room
from penchant.server.settings import AggregationName, RoundSettings
from penchant.shared import flower
from penchant.shared.codec import encode_task
from penchant.shared.contract import TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.randomness import Randomness
from penchant.shared.ranker import Ranker

__all__ = ["CohortStrategy"]

ARRAY = "ranker"
COHORT_KEY, NOISE_KEY, MEASURE_NOISE_KEY = 0, 1, 2


class CohortStrategy(Strategy):
    """Trains a ranker over Poisson cohorts, one running sum a round.

    Randomness is drawn from streams named by the round, so that a resumed run draws what the
    uninterrupted one would have.

    Args:
        ranker: what is trained; its vector is not used, ``state`` holds the current one.
        state: where the run stands.
        settings: how rounds are run.
        randomness: draws cohorts and noise.
        on_cohort: told the round and its cohort's size before devices are asked.
        on_round: told each finished round and the state it left, before the next begins.
        takes_blocks: replies are sums over several devices; only for a grid in this process that
            makes them itself.

    Raises:
        RoundError: single updates are needed, and replies are sums; or they do not fit in memory.
    """

    def __init__(
        self,
        ranker: Ranker,
        state: RoundState,
        *,
        settings: RoundSettings,
        randomness: Randomness,
        on_cohort: Callable[[int, int], None],
        on_round: Callable[[RoundOutcome, RoundState], None],
        takes_blocks: bool = False,
    ) -> None:
        if takes_blocks:
            _require_sums(settings)
        require_room(settings, size=ranker.settings.size)
        self._takes_blocks = takes_blocks
        self._ranker = ranker
        self._state = state
        self._settings = settings
        self._randomness = randomness
        self._on_cohort = on_cohort
        self._on_round = on_round
        self._optimiser = ServerOptimiser(
            settings.optimiser, ranker.settings, rounds=settings.rounds
        )
        self._asked: list[int] = []

    def initial_arrays(self) -> ArrayRecord:
        """Return the ranker the run stands at, as Flower wants it."""
        return _as_record(self._state.vector)

    def configure_train(
        self,
        server_round: int,  # noqa: ARG002 - a resumed run counts from its state
        arrays: ArrayRecord,  # noqa: ARG002 - the state holds the ranker
        config: ConfigRecord,  # noqa: ARG002 - public constants travel in the task
        grid: Grid,
    ) -> Iterable[Message]:
        """Draw the round's cohort and return one training task for each of its devices.

        Raises:
            RoundError: there are more devices than the accountant counts on.
        """
        round_number = self._state.round_number + 1
        devices = list(grid.get_node_ids())
        if len(devices) > self._settings.population:
            raise RoundError(
                f"{len(devices)} devices are connected; the settings say a population of "
                f"{self._settings.population}, which the privacy accounting counts on; raise it"
            )
        cohort = draw_cohort(
            devices,
            sampling_probability=self._settings.sampling_probability,
            cap=self._settings.cohort_cap,
            randomness=self._randomness.spawn(round_number, COHORT_KEY),
        )
        self._asked = cohort
        self._on_cohort(round_number, len(cohort))
        task = TrainingTask(
            self._ranker.model_id,
            round_number,
            self._settings.training,
            self._state.vector,
            noise_multiplier=self._settings.noise_multiplier,
            measure_noise_multiplier=self._settings.measure_noise,
        )
        record = flower.pack(encode_task(task))
        return (Message(record, dst_node_id=device, message_type="train") for device in cohort)

    def aggregate_train(
        self,
        server_round: int,  # noqa: ARG002 - a resumed run counts from its state
        replies: Iterable[Message],
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Add up the round's valid updates as they come and move the ranker.

        Raises:
            RoundError: the ranker would no longer be finite.
        """
        round_number = self._state.round_number + 1
        gathered = Gathering(
            self._asked,
            self._ranker,
            round_number,
            self._settings,
            takes_blocks=self._takes_blocks,
        )
        updates = gathered.updates
        for reply in replies:
            gathered.take(reply)
            if updates.count == self._settings.closing_count:
                break
        if isinstance(replies, Generator):
            replies.close()  # whoever has not answered yet is late from now on, not some time later
        rejected = gathered.rejections.total()
        void = self._is_void(updates.count)
        self._state = self._voided(round_number) if void else self._moved(round_number, updates)
        outcome = RoundOutcome(
            round_number,
            len(self._asked),
            updates.count,
            rejected,
            void,
            dict(gathered.rejections),
            measured=None if void else self._measured(round_number, gathered.measures),
        )
        self._on_round(outcome, self._state)
        metrics = MetricRecord({"accepted": updates.count, "rejected": rejected})
        return _as_record(self._state.vector), metrics

    def configure_evaluate(
        self,
        server_round: int,  # noqa: ARG002
        arrays: ArrayRecord,  # noqa: ARG002
        config: ConfigRecord,  # noqa: ARG002
        grid: Grid,  # noqa: ARG002
    ) -> Iterable[Message]:
        """Ask nothing: measures come with updates, and are noised as they are."""
        return []

    def aggregate_evaluate(
        self,
        server_round: int,  # noqa: ARG002
        replies: Iterable[Message],  # noqa: ARG002
    ) -> MetricRecord | None:
        """Return nothing: see ``configure_evaluate``."""
        return None

    def summary(self) -> None:
        """Log how rounds are run."""
        log(INFO, "\t└──> %s", self._settings)

    def _is_void(self, accepted: int) -> bool:
        # With noise the ranker always moves: whether it stood still would tell the exact count of
        # replies, which no noise covers.
        return self._settings.noise_multiplier == 0 and accepted < self._settings.minimum_cohort

    def _voided(self, round_number: int) -> RoundState:
        return RoundState(round_number, self._state.vector, self._state.moments)

    def _moved(self, round_number: int, updates: UpdateSum | HeldUpdates) -> RoundState:
        settings = self._settings
        if isinstance(updates, UpdateSum) and settings.noise_multiplier > 0:
            mean = updates.private_mean(
                noise_multiplier=settings.noise_multiplier,
                expected_count=settings.expected_updates,
                randomness=self._randomness.spawn(round_number, NOISE_KEY),
            )
        else:
            mean = updates.mean()
        step, moments = self._optimiser.step(mean, self._state.moments, round_number=round_number)
        vector = self._state.vector + step
        if not all(np.isfinite(array).all() for array in (vector, moments.first, moments.second)):
            raise RoundError(
                f"round {round_number} moved the ranker out of the range of float32; lower the "
                "optimiser's rates, or set a clipping norm"
            )
        return RoundState(round_number, vector, moments)

    def _measured(self, round_number: int, measures: MeasureSum | None) -> Measured | None:
        settings = self._settings
        if measures is None or settings.measure_noise is None:
            return None
        measured = measures.measured(
            noise_multiplier=settings.measure_noise,
            randomness=self._randomness.spawn(round_number, MEASURE_NOISE_KEY),
        )
        # Means of a few are kept back, as a void round is; noise hides everybody by itself.
        few = round(measured.devices) < settings.minimum_cohort
        return None if settings.measure_noise == 0 and few else measured


def _require_sums(settings: RoundSettings) -> None:
    """Refuse settings under which sums over many devices cannot be aggregated."""
    if settings.closing_count is not None:
        raise RoundError(
            f"over_selection is {settings.over_selection}, but a sum of many updates cannot be "
            "cut where enough have come; use devices that answer one by one"
        )
    if settings.aggregation is not AggregationName.SUM:
        raise RoundError(
            f"aggregation is {settings.aggregation}, which needs every update, not sums; use "
            "devices that answer one by one"
        )


def _as_record(vector: NDArray[np.float32]) -> ArrayRecord:
    return ArrayRecord({ARRAY: Array(vector)})
