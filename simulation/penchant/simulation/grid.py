"""Flower grids in this process: messages are answered at once, with no network or mailbox."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from penchant.server.grid import RunGrid
from penchant.shared.errors import PenchantError

__all__ = ["DEVICE_KEY", "FIRST_NODE_ID", "RUN_ID", "DeviceGrid", "LocalGrid"]

RUN_ID = 1
DEVICE_KEY = "device"
FIRST_NODE_ID = SUPERLINK_NODE_ID + 1


class LocalGrid(RunGrid):
    """What grids in this process have in common; device number i is node ``FIRST_NODE_ID`` + i.

    Args:
        devices: how many devices there are.
        on_reply: told how many devices have answered, after each reply.
    """

    def __init__(self, *, devices: int, on_reply: Callable[[int], None]) -> None:
        super().__init__(Run.create_empty(RUN_ID))
        self._devices = devices
        self._on_reply = on_reply
        # Flower stamps each message with the identity of the process that makes it.
        TaskIdentity.task_id = RUN_ID
        TaskIdentity.run_id = RUN_ID
        TaskIdentity.node_id = SUPERLINK_NODE_ID

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids of all devices, in order."""
        return range(FIRST_NODE_ID, FIRST_NODE_ID + self._devices)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Refuse: this grid has no mailbox; ``send_and_receive`` answers at once."""
        raise NotImplementedError("use send_and_receive: devices answer as they are asked")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Refuse: see ``push_messages``."""
        raise NotImplementedError("use send_and_receive: devices answer as they are asked")

    @contextmanager
    def _as_node(self, message: Message) -> Iterator[None]:
        """Let what answers ``message`` stamp its reply as the node that it was for."""
        message.metadata.__dict__["_message_id"] = uuid.uuid4().hex
        TaskIdentity.node_id = message.metadata.dst_node_id
        try:
            yield
        finally:
            TaskIdentity.node_id = SUPERLINK_NODE_ID


class DeviceGrid(LocalGrid):
    """Delivers messages to the devices of a population, one after the other.

    Replies are generated as they are asked for, so that no more than one is held at a time. The
    number of the device a message is for is in its context's ``node_config`` under ``DEVICE_KEY``.

    Args:
        app: the deployed ``ClientApp``.
        devices: how many devices there are.
        on_reply: told how many devices have answered, after each reply.
    """

    def __init__(self, app: ClientApp, *, devices: int, on_reply: Callable[[int], None]) -> None:
        super().__init__(devices=devices, on_reply=on_reply)
        self._app = app

    def send_and_receive(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,  # noqa: ARG002 - nothing is waited for
    ) -> Iterator[Message]:
        """Yield the reply to each message as it is asked for."""
        for message in messages:
            yield self._answer(message)
            self._on_reply(1)

    def _answer(self, message: Message) -> Message:
        node = message.metadata.dst_node_id
        context = Context(
            run_id=RUN_ID,
            node_id=node,
            node_config={DEVICE_KEY: node - FIRST_NODE_ID},
            state=RecordDict(),
            run_config={},
        )
        with self._as_node(message):
            try:
                return self._app(message, context)
            except PenchantError as error:
                return Message(
                    Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, type(error).__name__),
                    reply_to=message,
                )
