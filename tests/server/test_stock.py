"""Tests of the server's side as a plain Flower app."""

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Context, Message, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from penchant.server.stock import BATCH, StockGrid, app
from penchant.shared import flower
from penchant.shared.errors import ConfigurationError


class Mailbox(Grid):
    """Flower's own grid as it behaves: no empty lists, and replies after some looks."""

    def __init__(self, *, looks: int) -> None:
        self.pushed: list[int] = []
        self._looks = looks
        self._sent: dict[str, Message] = {}
        TaskIdentity.task_id = TaskIdentity.run_id = 1
        TaskIdentity.node_id = SUPERLINK_NODE_ID

    def set_run(self, run: Run) -> None:
        """Refuse: nobody sets it."""
        raise NotImplementedError

    @property
    def run(self) -> Run:
        """The run."""
        return Run.create_empty(1)

    def create_message(self, *arguments: Any, **keywords: Any) -> Message:
        """Refuse: strategies make their messages themselves."""
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        """Return three nodes."""
        return [11, 12, 13]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Keep messages, read twice."""
        held = [message.metadata.dst_node_id for message in messages]
        if len(held) != len(list(messages)) or not held:
            raise ValueError("messages_list must not be empty")
        self.pushed.append(len(held))
        for message in messages:
            message.metadata.__dict__["_message_id"] = uuid.uuid4().hex
            self._sent[message.metadata.message_id] = message
        return [message.metadata.message_id for message in messages]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return what has come, which is nothing at first."""
        self._looks -= 1
        return [] if self._looks >= 0 else [self._reply(message_id) for message_id in message_ids]

    def send_and_receive(self, *arguments: Any, **keywords: Any) -> Iterable[Message]:
        """Refuse: ours does it."""
        raise NotImplementedError

    def _reply(self, message_id: str) -> Message:
        message = self._sent.pop(message_id)
        TaskIdentity.node_id = message.metadata.dst_node_id
        try:
            return Message(RecordDict(), reply_to=message)
        finally:
            TaskIdentity.node_id = SUPERLINK_NODE_ID


def messages(count: int) -> Iterator[Message]:
    """Messages for so many nodes, made as they are asked for."""
    for node in range(count):
        yield Message(flower.pack(b"task"), dst_node_id=100 + node, message_type="train")


@pytest.mark.parametrize("count", [0, 1, 2 * BATCH + 5])
def test_every_node_is_asked_once_and_answers_once(count: int) -> None:
    """An empty cohort asks nobody; a large one goes in batches, from a generator."""
    mailbox = Mailbox(looks=1)
    replies = list(StockGrid(mailbox).send_and_receive(messages(count), timeout=60.0))
    assert sorted(reply.metadata.src_node_id for reply in replies) == [
        100 + node for node in range(count)
    ]
    assert sum(mailbox.pushed) == count
    assert max(mailbox.pushed, default=0) <= BATCH


def test_what_does_not_come_in_time_is_not_waited_for() -> None:
    """After the deadline there are no more replies."""
    mailbox = Mailbox(looks=10**6)
    assert not list(StockGrid(mailbox).send_and_receive(messages(3), timeout=0.2))


@pytest.mark.parametrize("folder", ["", "relative/folder", 3, "/nowhere/at/all"])
def test_a_run_that_names_no_folder_is_refused(folder: str | int, tmp_path: Path) -> None:
    """The error says what to give; nothing is made anywhere."""
    context = Context(
        run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={"folder": folder}
    )
    with pytest.raises(ConfigurationError, match=r"folder"):
        app(Mailbox(looks=0), context)
    assert not list(tmp_path.iterdir())
