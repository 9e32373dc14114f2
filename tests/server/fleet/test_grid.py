"""Tests of the deployed grid, with devices that answer from another thread."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

from penchant.client.join.flower_adapter import answer
from penchant.server.fleet import grid
from penchant.server.fleet.flower_adapter import BATCH, FleetState
from penchant.server.fleet.grid import FleetGrid, RoundStopped
from penchant.server.fleet.mailbox import Delivery

NODES = 2 * BATCH + 5


def echo() -> ClientApp:
    """An app that answers with what it was asked."""
    app = ClientApp()

    @app.train()
    def train(message: Message, _context: object) -> Message:
        return Message(message.content, reply_to=message)

    return app


class Clock:
    """Time as the test has it."""

    now = 0.0

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.now


class Fleet:
    """A grid over many nodes; those told to answer do so when they are announced a message."""

    def __init__(self, path: Path) -> None:
        self.state = FleetState(path)
        self.announced: list[int] = []
        self.silent: set[int] = set()
        self.late: list[bytes] = []
        self.counted_late = 0
        run = self.state.begin()
        self.grid = FleetGrid(self.state, run, on_messages=self._announce, on_late=self._count_late)
        self.nodes = [self.state.register(bytes([k]), label="") for k in range(NODES)]
        self.threads: list[threading.Thread] = []

    def _count_late(self) -> None:
        self.counted_late += 1

    def _announce(self, nodes: list[int]) -> None:
        self.announced += nodes
        thread = threading.Thread(target=self._answer, args=(nodes,))
        thread.start()
        self.threads.append(thread)

    def _answer(self, nodes: list[int]) -> None:
        for node in nodes:
            task = self.state.take(node)
            if task is None:
                return  # the round was stopped meanwhile
            data = answer(task, echo(), node=node).data
            if node in self.silent:
                self.late.append(data)
                continue
            delivery, asked = self.state.answer(node, data)
            assert delivery is Delivery.STORED
            self.grid.replied(asked)

    def close(self) -> None:
        """End what answers."""
        for thread in self.threads:
            thread.join()
        self.state.close()


@pytest.fixture
def fleet(tmp_path: Path, empty_fleet: Path) -> Iterator[Fleet]:
    """Some batches of nodes."""
    fleet = Fleet(Path(shutil.copy(empty_fleet, tmp_path / "fleet.sqlite")))
    yield fleet
    fleet.close()


def tasks(nodes: list[int], made: Callable[[], None] = lambda: None) -> Iterator[Message]:
    """A task for each node, told when it is made."""
    for node in nodes:
        made()
        record = RecordDict({"penchant": ConfigRecord({"message": str(node).encode()})})
        yield Message(record, dst_node_id=node, message_type="train")


def test_every_device_is_asked_and_every_reply_comes_once(fleet: Fleet) -> None:
    """Replies are those of the devices asked, and the mailbox is empty after."""
    assert list(fleet.grid.get_node_ids()) == fleet.nodes
    replies = list(fleet.grid.send_and_receive(tasks(fleet.nodes), timeout=60))
    assert sorted(reply.metadata.src_node_id for reply in replies) == sorted(fleet.nodes)
    for reply in replies:
        record = reply.content["penchant"]
        assert isinstance(record, ConfigRecord)
        assert record["message"] == str(reply.metadata.src_node_id).encode()
    assert sorted(fleet.announced) == sorted(fleet.nodes)


def test_messages_are_made_as_they_are_left(fleet: Fleet) -> None:
    """No more than a batch of messages is held: some were announced before others were made."""
    announced_when_made: list[int] = []
    made = tasks(fleet.nodes, lambda: announced_when_made.append(len(fleet.announced)))
    list(fleet.grid.send_and_receive(made, timeout=60))
    assert announced_when_made[BATCH] == BATCH
    assert announced_when_made[-1] == 2 * BATCH


def test_a_round_ends_at_its_deadline_without_those_who_are_silent(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' replies count, and what the silent ones send later is late."""
    clock = Clock()
    monkeypatch.setattr(grid, "time", clock)
    fleet.silent = set(fleet.nodes[:3])
    replies = fleet.grid.send_and_receive(tasks(fleet.nodes[:8]), timeout=600)
    senders = [next(replies).metadata.src_node_id]
    clock.now = 599.9
    senders += [next(replies).metadata.src_node_id for _ in range(4)]
    assert sorted(senders) == sorted(fleet.nodes[3:8])
    clock.now = 600.0
    assert list(replies) == []
    assert len(fleet.late) == 3
    for node, data in zip(fleet.nodes, fleet.late, strict=False):
        assert fleet.state.answer(node, data)[0] is Delivery.LATE


def test_a_round_that_is_closed_wants_no_more(fleet: Fleet) -> None:
    """Replies that had come are counted as late, and so are those that come after."""
    fleet.silent = set(fleet.nodes[:3])
    replies = fleet.grid.send_and_receive(tasks(fleet.nodes[:9]), timeout=600)
    first = [next(replies) for _ in range(2)]
    for thread in fleet.threads:
        thread.join()
    replies.close()
    assert len(first) == 2
    assert fleet.counted_late == 4
    assert len(fleet.late) == 3
    for node, data in zip(fleet.nodes, fleet.late, strict=False):
        assert fleet.state.answer(node, data)[0] is Delivery.LATE


def test_stopping_ends_a_round_that_waits(fleet: Fleet) -> None:
    """A round in progress is abandoned, and no other can begin."""
    fleet.silent = set(fleet.nodes)
    threading.Timer(0.5, fleet.grid.stop).start()
    with pytest.raises(RoundStopped):
        list(fleet.grid.send_and_receive(tasks(fleet.nodes), timeout=600))
    with pytest.raises(RoundStopped):
        list(fleet.grid.send_and_receive(tasks(fleet.nodes), timeout=600))


def test_nobody_to_ask_is_a_round_of_no_replies(fleet: Fleet) -> None:
    """An empty cohort ends at once."""
    assert list(fleet.grid.send_and_receive(tasks([]), timeout=600)) == []


def test_replies_to_an_earlier_round_do_not_end_the_next(fleet: Fleet) -> None:
    """What is told of messages that are not awaited is passed over."""
    fleet.grid.replied("of a round long ago")
    replies = list(fleet.grid.send_and_receive(tasks(fleet.nodes[:5]), timeout=60))
    assert len(replies) == 5
