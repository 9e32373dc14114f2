"""The cohort grid: blocks of devices, sums for answers."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message, RecordDict

from penchant.server import blocks
from penchant.shared import flower
from penchant.shared.codec import encode_task
from penchant.shared.contract import TrainingTask
from penchant.shared.errors import CodecError
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.cohort import grid as cohort_grid
from penchant.simulation.cohort.block import Constants
from penchant.simulation.cohort.engine import train_block
from penchant.simulation.cohort.grid import CohortGrid, block_of
from penchant.simulation.cohort.vectors import PrivateVectors
from penchant.simulation.workers import InProcess
from penchant.simulation.world import World

MakeWorld = Callable[..., World]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 8 devices, so that a small cohort has several."""
    monkeypatch.setattr(cohort_grid, "BLOCK_SIZE", 8)


class Asked:
    """A grid over a planted world, and a round's messages."""

    def __init__(self, made: World, folder: Path) -> None:
        ranker = made.scorer.ranker
        training = made.split.training
        self.done: list[int] = []
        self.vectors = PrivateVectors(
            folder, devices=training.n_people, dimension=ranker.settings.dimension
        )
        constants = Constants(ranker.settings, made.scorer.features, SeededRandomness(0))
        self.grid = CohortGrid(
            training,
            self.vectors,
            InProcess(train_block, constants),
            scorer=made.scorer,
            on_reply=self.done.append,
        )
        self.task = TrainingTask(ranker.model_id, 1, made.plan.rounds.training, ranker.vector)

    def messages(self, devices: Iterable[int]) -> Iterator[Message]:
        """Yield one message a device, all with the same task."""
        nodes = list(self.grid.get_node_ids())
        record = flower.pack(encode_task(self.task))
        for device in devices:
            yield Message(record, dst_node_id=nodes[device], message_type="train")


@pytest.fixture
def asked(world: MakeWorld, tmp_path: Path) -> Asked:
    """A grid and messages."""
    return Asked(world(), tmp_path)


def test_every_device_is_in_one_block(asked: Asked) -> None:
    """20 devices in blocks of 8 give three replies, which name each device once."""
    replies = list(asked.grid.send_and_receive(asked.messages(range(3, 23))))
    answers = [blocks.unpack(reply.content) for reply in replies]
    assert asked.done == [8, 8, 4]
    nodes = np.concatenate([answer.devices for answer in answers])
    assert nodes.tolist() == list(asked.grid.get_node_ids())[3:23]
    assert [answer.failed.size for answer in answers] == [0, 0, 0]
    assert {(answer.model_id, answer.round_number) for answer in answers} == {
        (asked.task.model_id, 1)
    }
    assert replies[1].metadata.src_node_id == nodes[8]


def test_messages_are_taken_as_replies_are_asked_for(asked: Asked) -> None:
    """Memory does not grow with the cohort: no block is trained before it is wanted."""
    taken: list[int] = []

    def noting() -> Iterator[Message]:
        for number, message in enumerate(asked.messages(range(40))):
            taken.append(number)
            yield message

    replies = asked.grid.send_and_receive(noting())
    assert taken == []
    next(replies)
    assert len(taken) == 8
    next(replies)
    assert len(taken) == 16


def test_private_vectors_are_kept(asked: Asked) -> None:
    """Those of the cohort move; nobody else's does."""
    list(asked.grid.send_and_receive(asked.messages([2, 5, 11])))
    lengths = np.linalg.norm(asked.vectors[np.arange(40)], axis=1)
    assert np.flatnonzero(lengths > 0).tolist() == [2, 5, 11]


def test_a_round_again_is_the_same(asked: Asked) -> None:
    """A round that is asked for twice gives the same sums: it starts where it did."""
    first, second = (
        [
            blocks.unpack(reply.content).total
            for reply in asked.grid.send_and_receive(asked.messages(range(10)))
        ]
        for _ in range(2)
    )
    np.testing.assert_array_equal(np.stack(first), np.stack(second))


def test_nothing_asked_is_nothing_answered(asked: Asked) -> None:
    """No messages, no replies; a message without a task is refused."""
    assert list(asked.grid.send_and_receive([])) == []
    message = Message(RecordDict(), dst_node_id=1, message_type="train")
    with pytest.raises(CodecError):
        list(asked.grid.send_and_receive([message]))


def test_a_block_holds_its_devices_events(world: MakeWorld) -> None:
    """Each device's events are its person's training events, in order."""
    training = world().split.training
    devices = np.array([0, 7, 39])
    block = block_of(training, devices, np.zeros((3, 2), dtype=np.float32))
    for row, device in enumerate(devices):
        own = slice(block.histories.offsets[row], block.histories.offsets[row + 1])
        items, times = training.history(int(device))
        np.testing.assert_array_equal(block.histories.items[own], items)
        np.testing.assert_array_equal(block.histories.times[own], times)
