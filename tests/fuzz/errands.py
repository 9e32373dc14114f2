"""Tasks that the fuzzed server has for its device, and replies to them."""

from flwr.app import Message
from flwr.clientapp import ClientApp
from tests.fuzz.decoders import example_task
from tests.fuzz.server import FuzzedServer

from penchant.client.join.flower_adapter import answer
from penchant.shared import flower
from penchant.shared.codec import encode_result, encode_task
from penchant.shared.contract import TrainingResult

__all__ = ["given_task", "left_task", "reply_to", "result_for"]


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


def reply_to(task: bytes, server: FuzzedServer, content: bytes) -> bytes:
    """Return the enrolled device's reply to a task, with this in it."""
    app = ClientApp()

    @app.train()
    def train(message: Message, _context: object) -> Message:
        return Message(flower.pack(content), reply_to=message)

    return answer(task, app, node=server.node).data


def result_for(server: FuzzedServer) -> bytes:
    """Return an update of the released ranker, encoded."""
    return encode_result(TrainingResult(server.ranker.model_id, 1, server.ranker.vector))
