"""The Flower app, called by Flower's own ``ClientApp``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from penchant.client import Device, DeviceSettings, Event, EventKind, Purpose
from penchant.client.app import MALFORMED, REFUSED, client_app
from penchant.shared import flower
from penchant.shared.codec import decode_result, encode_task
from penchant.shared.contract import LocalTraining, TrainingTask
from penchant.shared.errors import ConsentError
from penchant.shared.scoring import Scorer

Call = Callable[[int, RecordDict], Any]
OpenDevice = Callable[..., Device]
MakeTask = Callable[..., TrainingTask]
MakeTraining = Callable[..., LocalTraining]


@pytest.fixture
def devices(scorer: Scorer, open_device: OpenDevice) -> list[Device]:
    """Two devices that have observed different things."""
    found = []
    for number in range(2):
        device = open_device(scorer, name=f"device-{number}")
        device.observe(Event(kind=EventKind.VIEW, item=f"item-{number}", time=10))
        found.append(device)
    return found


@pytest.fixture
def call(devices: list[Device], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Send content to a device's app; return the reply's content, or its error's reason."""
    for name in ("_task_id", "_run_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)

    @contextmanager
    def open_one(context: Context) -> Iterator[Device]:
        yield devices[int(context.node_config["device"])]

    app = client_app(open_one)

    def send(device: int, content: RecordDict) -> object:
        message = Message(content, 2, "train")
        message.metadata.__dict__["_message_id"] = "a-message"
        context = Context(
            run_id=1,
            node_id=2,
            node_config={"device": device},
            state=RecordDict(),
            run_config={},
        )
        reply = app(message, context)
        return reply.error.reason if reply.has_error() else reply.content

    return send


def test_a_task_is_answered_by_its_device(
    call: Call,
    devices: list[Device],
    scorer: Scorer,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """The reply is the result of the device the message was for, and of no other."""
    task = make_task(scorer, make_training(), round_number=4)
    reply = call(1, flower.pack(encode_task(task)))
    result = decode_result(flower.unpack(reply), size=scorer.ranker.settings.size)
    assert (result.model_id, result.round_number) == (task.model_id, 4)
    assert result.update.any()
    assert devices[1].private_vector().any()
    assert not devices[0].private_vector().any()
    # Asked again directly, the device gives the same answer.
    np.testing.assert_array_equal(result.update, devices[1].train(task).update)


def test_a_reply_holds_the_result_alone(
    call: Call, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """Nothing rides along: no metric, no loss, no count of examples, and a size fixed by D."""
    lengths = set()
    for device in range(2):
        reply = call(device, flower.pack(encode_task(make_task(scorer, make_training()))))
        assert [(name, list(record)) for name, record in reply.items()] == [
            ("penchant", ["message"])
        ]
        lengths.add(len(flower.unpack(reply)))
    assert len(lengths) == 1


def test_garbage_is_refused_before_training(
    call: Call,
    devices: list[Device],
    scorer: Scorer,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """What is not a task is said to be malformed, and the device has not trained."""
    good = encode_task(make_task(scorer, make_training()))
    nan = good[:-4] + np.float32(np.nan).tobytes()
    contents = [
        RecordDict(),
        RecordDict({"other": ConfigRecord({"message": good})}),
        RecordDict({"penchant": ConfigRecord({"message": "text"})}),
        RecordDict({"penchant": ConfigRecord({"message": good, "more": 1})}),
        *(flower.pack(data) for data in (b"", b"garbage", good[:-1], good + b"x", nan)),
        flower.pack(good.replace(b'"negatives":10', b'"negatives":-1')),
    ]
    for content in contents:
        assert call(0, content) == MALFORMED
    assert not devices[0].private_vector().any()


def test_a_task_for_another_ranker_is_refused(
    call: Call, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A well-formed task for another ranker is refused without a word why."""
    task = replace(make_task(scorer, make_training()), model_id="0123456789abcdef")
    assert call(0, flower.pack(encode_task(task))) == REFUSED


def test_refusals_say_nothing_private(
    call: Call,
    devices: list[Device],
    scorer: Scorer,
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """Without consent, without budget and when training diverges, the server reads one word."""
    devices[0].revoke(Purpose.TRAIN_RANKER)
    assert call(0, flower.pack(encode_task(make_task(scorer, make_training())))) == REFUSED
    with pytest.raises(ConsentError, match="nobody has agreed"):
        devices[0].train(make_task(scorer, make_training()))
    devices[1].observe(Event(kind=EventKind.VIEW, item="item-9", time=20))
    wild = make_task(scorer, make_training(rate=1e38, steps=4))
    assert call(1, flower.pack(encode_task(wild))) == REFUSED
    devices.append(open_device(scorer, name="careful", settings=DeviceSettings()))
    assert call(2, flower.pack(encode_task(make_task(scorer, make_training())))) == REFUSED
