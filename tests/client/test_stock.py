"""Tests of a device as a plain Flower app."""

from typing import Any

import pytest
from flwr.app import Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from penchant.client.app import REFUSED
from penchant.client.stock import app
from penchant.shared import flower


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"device": "relative"},
        {"device": 3},
        {"device": "/nowhere/at/all"},
        {"device": "/nowhere", "lab": "yes"},
    ],
)
def test_a_node_without_a_device_refuses(node: dict[str, Any]) -> None:
    """The server learns that the task was refused, and nothing about the node's folders."""
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    message = Message(flower.pack(b"task"), dst_node_id=1, message_type="train")
    message.metadata.__dict__["_message_id"] = "1"
    context = Context(run_id=1, node_id=1, node_config=node, state=RecordDict(), run_config={})
    reply = app(message, context)
    assert reply.has_error()
    assert reply.error.reason == REFUSED
