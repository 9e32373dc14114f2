"""Contract tests of what we use of Flower's insides: they fail when Flower moves."""

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

from penchant.client.join.flower_adapter import answer
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.fleet.mailbox import Delivery
from penchant.shared.errors import CodecError, ConfigurationError


@pytest.fixture
def path(tmp_path: Path, empty_fleet: Path) -> Path:
    """Where the fleet's database is."""
    return Path(shutil.copy(empty_fleet, tmp_path / "fleet.sqlite"))


@pytest.fixture
def state(path: Path) -> Iterator[FleetState]:
    """A fleet with a run begun and no nodes."""
    state = FleetState(path)
    state.begin()
    yield state
    state.close()


def record(text: str) -> RecordDict:
    """Content that carries a text."""
    return RecordDict({"penchant": ConfigRecord({"message": text.encode()})})


def task(node: int, text: str = "task") -> Message:
    """A message for a node, as a strategy makes one."""
    return Message(record(text), dst_node_id=node, message_type="train")


def echo() -> ClientApp:
    """An app that answers with what it was asked."""
    app = ClientApp()

    @app.train()
    def train(message: Message, _context: object) -> Message:
        return Message(message.content, reply_to=message)

    return app


def reply_of(data: bytes | None, node: int) -> bytes:
    """What a node's app answers to the message it took."""
    assert data is not None
    return answer(data, echo(), node=node).data


def test_flower_is_the_version_that_the_adapters_are_written_for() -> None:
    """Both adapters reach into Flower 1.42; another one needs them read again."""
    assert version("flwr").startswith("1.42.")


def test_nodes_are_known_by_their_key_until_revoked(state: FleetState) -> None:
    """A registered key has one number; a revoked one has none, and cannot come back."""
    node = state.register(b"key", label="kitchen")
    assert state.node_of(b"key") == node
    assert state.node_of(b"other") is None
    assert [(found.node_id, found.label) for found in state.nodes()] == [(node, "kitchen")]
    with pytest.raises(ConfigurationError, match="enrolled already"):
        state.register(b"key", label="again")
    assert state.revoke(node)
    assert not state.revoke(node)
    assert state.node_of(b"key") is None
    assert state.nodes() == []
    with pytest.raises(ConfigurationError, match="enrolled already"):
        state.register(b"key", label="back")


def test_a_message_is_taken_once_and_by_its_node_only(state: FleetState) -> None:
    """What is left for a node is given to that node, and never twice."""
    nodes = [state.register(bytes([key]), label="") for key in range(2)]
    assert len(state.put([task(nodes[0])])) == 1
    assert state.take(nodes[1]) is None
    assert state.take(nodes[0]) is not None
    assert state.take(nodes[0]) is None


def test_replies_come_whole_and_once(state: FleetState) -> None:
    """A reply that was kept is returned once, with what the device put in it."""
    node = state.register(b"key", label="")
    (asked,) = state.put([task(node, "hello")])
    assert state.replies([asked]) == []
    data = reply_of(state.take(node), node)
    assert state.answer(node, data) == (Delivery.STORED, asked)
    (reply,) = state.replies([asked])
    assert (reply.metadata.src_node_id, reply.content) == (node, record("hello"))
    assert state.replies([asked]) == []


def test_another_reply_to_the_same_message_is_a_duplicate(state: FleetState) -> None:
    """The very same reply, sent again because its answer was lost, changes nothing."""
    node = state.register(b"key", label="")
    (asked,) = state.put([task(node)])
    message = state.take(node)
    data = reply_of(message, node)
    assert state.answer(node, data)[0] is Delivery.STORED
    assert state.answer(node, data)[0] is Delivery.STORED
    assert state.answer(node, reply_of(message, node))[0] is Delivery.DUPLICATE
    assert len(state.replies([asked])) == 1
    assert state.answer(node, data)[0] is Delivery.LATE


def test_nobody_answers_for_another(state: FleetState) -> None:
    """A reply that names another node than the one that brings it is refused."""
    nodes = [state.register(bytes([key]), label="") for key in range(2)]
    (asked,) = state.put([task(nodes[0])])
    data = reply_of(state.take(nodes[0]), nodes[0])
    assert state.answer(nodes[1], data)[0] is Delivery.FOREIGN
    assert state.replies([asked]) == []


def test_replies_to_discarded_messages_are_late(state: FleetState) -> None:
    """After its deadline a round takes nothing any more."""
    node = state.register(b"key", label="")
    (asked,) = state.put([task(node)])
    data = reply_of(state.take(node), node)
    state.discard([asked])
    assert state.answer(node, data)[0] is Delivery.LATE


def test_a_run_that_was_cut_short_leaves_nothing(state: FleetState, path: Path) -> None:
    """After a restart nodes are still known, old messages are gone and old replies late."""
    node = state.register(b"key", label="")
    state.put([task(node), task(node)])
    data = reply_of(state.take(node), node)
    state.close()
    again = FleetState(path)
    again.begin()
    assert again.node_of(b"key") == node
    assert again.take(node) is None
    assert again.answer(node, data)[0] is Delivery.LATE
    assert len(again.put([task(node)])) == 1
    again.close()


def test_messages_for_revoked_nodes_are_left_out(state: FleetState) -> None:
    """A node that was revoked after the cohort was drawn is not asked, and the others are."""
    nodes = [state.register(bytes([key]), label="") for key in range(3)]
    state.revoke(nodes[1])
    assert len(state.put([task(node) for node in nodes])) == 2


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x0a\xff\xff", bytes(1000)])
def test_what_is_no_reply_is_refused(state: FleetState, data: bytes) -> None:
    """Garbage is refused, or comes too late for anything; it is never kept."""
    node = state.register(b"key", label="")
    try:
        delivery, _ = state.answer(node, data)
    except CodecError:
        return
    assert delivery in (Delivery.LATE, Delivery.FOREIGN)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The error names the file and says what to do."""
    path = tmp_path / "fleet.sqlite"
    path.write_bytes(b"something else entirely, and long enough to be read as a header" * 20)
    with pytest.raises(ConfigurationError, match=r"fleet\.sqlite"):
        FleetState(path)


def test_devices_answer_training_tasks_and_nothing_else(state: FleetState) -> None:
    """A message of another type, or for another device, is not answered at all."""
    node = state.register(b"key", label="")
    state.put([Message(record("q"), dst_node_id=node, message_type="query"), task(node)])
    query, train = state.take(node), state.take(node)
    assert query is not None
    assert train is not None
    with pytest.raises(CodecError, match="only training"):
        answer(query, echo(), node=node)
    with pytest.raises(CodecError, match="another device"):
        answer(train, echo(), node=node + 1)
    with pytest.raises(CodecError):
        answer(b"garbage", echo(), node=node)
