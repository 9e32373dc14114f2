"""Flower messages as a joined device gets and gives them.

The one module of the device's side that touches Flower's insides, written for ``flwr==1.42.*``.
The device runs the ``ClientApp`` that is installed with it and nothing else: an app bundle has no
way to get here. Contract tests fail when Flower moves.
"""

import uuid
from dataclasses import dataclass

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from google.protobuf.message import DecodeError

from penchant.shared.errors import CodecError

__all__ = ["AnsweredMessage", "answer"]

TRAIN = "train"


@dataclass(frozen=True)
class AnsweredMessage:
    """A reply ready to be sent.

    Attributes:
        data: the reply as bytes.
        refusal: what the server is told instead of an update, None if it gets one.
    """

    data: bytes
    refusal: str | None


def answer(data: bytes, app: ClientApp, *, node: int) -> AnsweredMessage:
    """Return what the installed app answers to a message.

    Args:
        data: the message as it came.
        app: the installed app.
        node: the device's number.

    Raises:
        CodecError: it is not a message of the contract; such a one is not answered.
    """
    message = _message_of(data, node=node)
    context = Context(
        run_id=message.metadata.run_id,
        node_id=node,
        node_config={},
        state=RecordDict(),
        run_config={},
    )
    reply = app(message, context)
    metadata = reply.metadata.__dict__
    metadata["_message_id"] = uuid.uuid4().hex
    # A reply is as old as its task: a device's clock may be wrong, and is nobody's business.
    metadata["_created_at"] = message.metadata.created_at
    metadata["_ttl"] = message.metadata.ttl
    refusal = reply.error.reason if reply.has_error() else None
    return AnsweredMessage(message_to_proto(reply).SerializeToString(), refusal)


def _message_of(data: bytes, *, node: int) -> Message:
    try:
        message = message_from_proto(ProtoMessage.FromString(data))
    except (DecodeError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise CodecError("the server sent something else than a message") from error
    metadata = message.metadata
    if metadata.message_type != TRAIN or not message.has_content():
        raise CodecError(
            f"the server sent a message of type {metadata.message_type[:40]!r}; only training "
            "tasks are answered"
        )
    if metadata.dst_node_id != node:
        raise CodecError("the server sent a message that is for another device")
    return message
