"""The Flower strategy of every penchant run: Poisson cohorts, streaming sums, user-level noise."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from logging import INFO

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from flwr.supercore import log
from numpy.typing import NDArray

from penchant.server import blocks
from penchant.server.aggregation import UpdateSum
from penchant.server.checkpoints import RoundState
from penchant.server.cohorts import draw_cohort
from penchant.server.optimiser import ServerOptimiser
from penchant.server.robust import HeldUpdates, require_room
from penchant.server.settings import AggregationName, RoundSettings
from penchant.server.validation import RejectedReply, valid_update
from penchant.shared import flower
from penchant.shared.codec import encode_task
from penchant.shared.contract import TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.randomness import Randomness
from penchant.shared.ranker import Ranker

__all__ = ["CohortStrategy", "RoundOutcome"]

ARRAY = "ranker"
COHORT_KEY, NOISE_KEY = 0, 1


@dataclass(frozen=True)
class RoundOutcome:
    """What happened in a round.

    Attributes:
        round_number: from 1, over the whole run.
        cohort: devices asked.
        accepted: updates added to the sum.
        rejected: replies that were errors, malformed, over the norm, of another round, or not
            asked for.
        void: too few were accepted and there is no noise; the ranker did not move.
        reasons: how many were rejected for what; not a part of what makes two outcomes equal.
    """

    round_number: int
    cohort: int
    accepted: int
    rejected: int
    void: bool
    reasons: Mapping[str, int] = field(default_factory=dict, compare=False)


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
        self._awaited: set[int] = set()

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
        self._awaited = set(cohort)
        self._on_cohort(round_number, len(cohort))
        task = TrainingTask(
            self._ranker.model_id,
            round_number,
            self._settings.training,
            self._state.vector,
            noise_multiplier=self._settings.noise_multiplier,
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
        cohort = len(self._awaited)
        updates = self._no_updates()
        rejections: Counter[str] = Counter()
        for reply in replies:
            if isinstance(updates, UpdateSum) and self._takes_blocks:
                failed = self._add_block(reply, round_number, updates)
                rejections["failed"] += failed
            else:
                self._add_update(reply, round_number, updates, rejections)
            if updates.count == self._settings.closing_count:
                break
        if isinstance(replies, Generator):
            replies.close()  # whoever has not answered yet is late from now on, not some time later
        rejected = rejections.total()
        void = self._is_void(updates.count)
        self._state = self._voided(round_number) if void else self._moved(round_number, updates)
        outcome = RoundOutcome(
            round_number, cohort, updates.count, rejected, void, dict(rejections)
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
        """Ask nothing: no measure of a device leaves it without noise."""
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

    def _no_updates(self) -> UpdateSum | HeldUpdates:
        settings = self._settings
        if settings.aggregation is not AggregationName.SUM:
            return HeldUpdates(settings)
        return UpdateSum(len(self._state.vector), clipping_norm=settings.training.clipping_norm)

    def _add_update(
        self,
        reply: Message,
        round_number: int,
        updates: UpdateSum | HeldUpdates,
        rejections: Counter[str],
    ) -> None:
        """Add a device's update if it is valid, and count why if it is not."""
        device = reply.metadata.src_node_id
        try:
            update = valid_update(
                reply,
                awaited=self._awaited,
                ranker=self._ranker,
                round_number=round_number,
                settings=self._settings,
            )
        except RejectedReply as rejection:
            log(INFO, "reply of device %s rejected: %s", device, rejection)
            rejections[rejection.reason] += 1
            return
        self._awaited.remove(device)  # a second reply of the same device does not count
        updates.add(update)

    def _add_block(self, reply: Message, round_number: int, updates: UpdateSum) -> int:
        """Add the updates of several devices; return how many of them gave none.

        Raises:
            RoundError: the block is not of this round, or a device of it has answered before.
        """
        if reply.has_error():
            raise RoundError(f"a block of devices gave no result: {reply.error.reason}")
        block = blocks.unpack(reply.content)
        if (block.model_id, block.round_number) != (self._ranker.model_id, round_number):
            raise RoundError(
                f"a block of round {block.round_number} of ranker {block.model_id} came in round "
                f"{round_number} of ranker {self._ranker.model_id}"
            )
        answered = [int(device) for part in (block.devices, block.failed) for device in part]
        if len(set(answered)) < len(answered) or not self._awaited.issuperset(answered):
            raise RoundError(f"a block of round {round_number} counts a device that is not awaited")
        self._awaited.difference_update(answered)
        updates.add_total(block.total, count=len(block.devices))
        return len(block.failed)

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
