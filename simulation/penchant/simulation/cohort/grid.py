"""The Flower grid of cohort fidelity: a round's messages are answered block by block."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import numpy as np
from flwr.app import Message
from numpy.typing import NDArray

from penchant.client.training.measuring import given
from penchant.server import blocks
from penchant.server.blocks import BlockResult
from penchant.shared import flower
from penchant.shared.codec import decode_task
from penchant.shared.contract import MEASURE_SIZE, TrainingTask
from penchant.shared.history import History
from penchant.shared.measures import measure_of
from penchant.shared.scoring import Scorer
from penchant.simulation.cohort.block import Block, BlockTraining, Histories
from penchant.simulation.cohort.vectors import PrivateVectors
from penchant.simulation.datasets import Dataset
from penchant.simulation.grid import FIRST_NODE_ID, LocalGrid
from penchant.simulation.workers import Workers

__all__ = ["BLOCK_SIZE", "CohortGrid", "block_of"]

# The sums that blocks give are added in their order, so their size is part of a run's numbers.
BLOCK_SIZE = 64


def block_of(
    training: Dataset, devices: NDArray[np.int64], private_vectors: NDArray[np.float32]
) -> Block:
    """Return ``devices``, ascending, with their people's training events."""
    starts = training.offsets[devices]
    lengths = training.offsets[devices + 1] - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    events = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    histories = Histories(
        offsets,
        training.items[events].astype(np.int64),
        np.asarray(training.times[events]),
        None if training.kinds is None else training.kinds[events].astype(np.int64),
    )
    return Block(devices, histories, private_vectors)


class CohortGrid(LocalGrid):
    """Answers the messages of a round with sums over blocks of devices.

    Messages are taken, and blocks trained, as replies are asked for, so that memory does not grow
    with the cohort. All messages of a round carry the same task.

    Args:
        training: each person's training events; person i is device i.
        vectors: the devices' private vectors.
        workers: where blocks are trained.
        scorer: the initial ranker and its catalogue.
        on_reply: told how many devices have answered, after each block.
    """

    def __init__(
        self,
        training: Dataset,
        vectors: PrivateVectors,
        workers: Workers[TrainingTask, Block, BlockTraining],
        *,
        scorer: Scorer,
        on_reply: Callable[[int], None],
    ) -> None:
        super().__init__(devices=training.n_people, on_reply=on_reply)
        self._training = training
        self._vectors = vectors
        self._workers = workers
        self._scorer = scorer

    def send_and_receive(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,  # noqa: ARG002 - nothing is waited for
    ) -> Iterator[Message]:
        """Yield one reply a block."""
        waiting = iter(messages)
        first = next(waiting, None)
        if first is None:
            return
        task = decode_task(flower.unpack(first.content), size=self._scorer.ranker.settings.size)
        asked: deque[Message] = deque()
        groups = _groups(chain([first], waiting))
        trained = self._workers.run(task, self._blocks(groups, asked, task.round_number))
        measuring = None if task.measure_noise_multiplier is None else given(task, self._scorer)
        for result in trained:
            # Before the vectors are written: a device measures, and then learns.
            measures = None if measuring is None else self._measures(task, measuring, result)
            kept = result.succeeded  # a device whose training fails has not been in the round
            self._vectors.write(
                result.devices[kept], result.private_vectors[kept], task.round_number
            )
            yield self._reply(asked.popleft(), task, result, measures)
            self._on_reply(len(result.devices))

    def _blocks(
        self, groups: Iterable[list[Message]], asked: deque[Message], round_number: int
    ) -> Iterator[Block]:
        """Yield a block for each group of messages, and keep the first of them to answer to."""
        for group in groups:
            asked.append(group[0])
            nodes = [message.metadata.dst_node_id for message in group]
            devices = np.array(nodes, dtype=np.int64) - FIRST_NODE_ID
            yield block_of(self._training, devices, self._vectors.before(devices, round_number))

    def _measures(
        self, task: TrainingTask, scorer: Scorer, result: BlockTraining
    ) -> NDArray[np.float64]:
        """Return the sum of what devices that gave an update measure, float64 (3,).

        People here do nothing new after the beginning: who has learnt before has all of it known.
        """
        total = np.zeros(MEASURE_SIZE)
        known = self._vectors.have_learnt(result.devices, task.round_number)
        measuring = result.devices[result.succeeded & ~known]
        vectors = self._vectors.before(measuring, task.round_number)
        for device, vector in zip(measuring, vectors, strict=True):
            history = _history_of(self._training, int(device), scorer)
            total += measure_of(scorer, history, vector, new=np.ones(len(history), np.bool_))
        return total

    def _reply(
        self,
        message: Message,
        task: TrainingTask,
        result: BlockTraining,
        measures: NDArray[np.float64] | None,
    ) -> Message:
        nodes = (result.devices + FIRST_NODE_ID).astype(np.uint64)
        content = blocks.pack(
            BlockResult(
                task.model_id,
                task.round_number,
                devices=nodes[result.succeeded],
                failed=nodes[~result.succeeded],
                total=result.total,
                measures=measures,
            )
        )
        with self._as_node(message):
            return Message(content, reply_to=message)


def _history_of(training: Dataset, person: int, scorer: Scorer) -> History:
    items, times = training.history(person)
    rows = items.astype(np.int64)
    kinds = training.kinds_of(person)
    return History(scorer.features_of(rows), rows, kinds, np.asarray(times, dtype=np.int64))


def _groups(messages: Iterator[Message]) -> Iterator[list[Message]]:
    while group := list(islice(messages, BLOCK_SIZE)):
        yield group
