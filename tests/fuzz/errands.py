"""Tasks that the fuzzed server has for its device, and replies to them."""

from collections.abc import Callable

from flwr.app import Error, Message, RecordDict
from flwr.clientapp import ClientApp
from tests.fuzz.decoders import example_task
from tests.fuzz.server import FuzzedServer

from penchant.client.join.flower_adapter import answer
from penchant.shared import flower
from penchant.shared.codec import encode_result, encode_task
from penchant.shared.contract import TrainingResult

__all__ = ["failing_reply_to", "given_task", "left_task", "reply_to", "right_reply_to"]


def left_task(server: FuzzedServer) -> str:
    """Leave a task for the enrolled device; return the message's id."""
    ranker = server.ranker
    message = Message(
        flower.pack(encode_task(example_task(ranker.model_id, ranker.vector))),
        dst_node_id=server.node,
        message_type="train",
    )
    (message_id,) = server.parts.grid.push_messages([message])
    return message_id


def given_task(server: FuzzedServer) -> bytes:
    """Return a task as the enrolled device fetches it."""
    left_task(server)
    task = server.parts.state.take(server.node)
    assert task is not None
    return task


def reply_to(task: bytes, node: int, record: RecordDict) -> bytes:
    """Return a device's reply to a task, with this in it."""
    return _answered(task, node, lambda message: Message(record, reply_to=message))


def failing_reply_to(task: bytes, node: int) -> bytes:
    """Return a device's reply that it could not train."""
    return _answered(task, node, lambda message: Message(Error(0, "no"), reply_to=message))


def _answered(task: bytes, node: int, reply: Callable[[Message], Message]) -> bytes:
    app = ClientApp()

    @app.train()
    def train(message: Message, _context: object) -> Message:
        return reply(message)

    return answer(task, app, node=node).data


def right_reply_to(task: bytes, server: FuzzedServer) -> bytes:
    """Return the enrolled device's reply with an update of the released ranker."""
    result = TrainingResult(server.ranker.model_id, 1, server.ranker.vector)
    return reply_to(task, server.node, flower.pack(encode_result(result)))
