"""The in-process grid: one device after the other, each answer as it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from penchant.shared.errors import RoundError
from penchant.simulation.grid import DEVICE_KEY, DeviceGrid


def echo_app(seen: list[int]) -> ClientApp:
    """Return an app that notes which device it ran for; device 3 fails."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        device = int(context.node_config[DEVICE_KEY])
        seen.append(device)
        if device == 3:
            raise RoundError("no")
        return Message(RecordDict(), reply_to=message)

    return app


@contextmanager
def grid_of(devices: int, seen: list[int], done: list[int]) -> Iterator[DeviceGrid]:
    """Give a grid of devices that note their work."""
    yield DeviceGrid(echo_app(seen), devices=devices, on_reply=lambda _: done.append(len(seen)))


def asked(grid: DeviceGrid, nodes: list[int]) -> Iterator[Message]:
    """Ask the devices behind ``nodes`` to train."""
    return grid.send_and_receive(
        [Message(RecordDict(), dst_node_id=node, message_type="train") for node in nodes]
    )


def test_each_device_is_a_node() -> None:
    """Node ids are as many as devices, all different, the same at every call."""
    with grid_of(5, [], []) as grid:
        nodes = list(grid.get_node_ids())
        assert len(set(nodes)) == 5
        assert list(grid.get_node_ids()) == nodes


def test_message_reaches_its_device() -> None:
    """The n-th node is device n, and its reply says where it came from."""
    seen: list[int] = []
    with grid_of(5, seen, []) as grid:
        nodes = list(grid.get_node_ids())
        replies = list(asked(grid, [nodes[4], nodes[0]]))
    assert seen == [4, 0]
    assert [reply.metadata.src_node_id for reply in replies] == [nodes[4], nodes[0]]


def test_replies_are_made_as_they_are_asked_for() -> None:
    """No device works before its reply is wanted, so that only one reply is held."""
    seen: list[int] = []
    done: list[int] = []
    with grid_of(5, seen, done) as grid:
        replies = asked(grid, list(grid.get_node_ids()))
        assert seen == []
        next(replies)
        assert seen == [0]
        next(replies)
        assert (seen, done) == ([0, 1], [1])


def test_failing_device_answers_with_an_error() -> None:
    """One device's failure is its reply's, and tells no more than what kind it was."""
    with grid_of(5, [], []) as grid:
        replies = list(asked(grid, list(grid.get_node_ids())))
    assert [reply.has_error() for reply in replies] == [False, False, False, True, False]
    assert replies[3].error.reason == "RoundError"
