"""Tests of the mailbox: each task once, one reply to each, no more held than there is room for."""

import threading

from penchant.server.fleet.mailbox import Delivery, Mailbox


def mailbox(room: int, tasks: int) -> Mailbox[str, str]:
    """A mailbox with tasks ``0``, ``1``, ... for nodes 0, 1, ..., all taken."""
    box = Mailbox[str, str](room=room)
    for number in range(tasks):
        box.leave(str(number), number, f"task {number}")
        assert box.take(number) == f"task {number}"
    return box


def test_tasks_of_a_node_are_taken_in_their_order_and_once() -> None:
    """A node gets the oldest first; what was discarded meanwhile is not given out."""
    box = Mailbox[str, str](room=1)
    for name in "abc":
        box.leave(name, 7, name)
    box.discard(["b"])
    assert [box.take(7), box.take(7), box.take(7), box.take(8)] == ["a", "c", None, None]


def test_a_reply_waits_until_there_is_room() -> None:
    """With room for two, the third reply is kept only once another was collected."""
    box = mailbox(room=2, tasks=3)
    for number in range(2):
        assert box.keep(str(number), number, reply_id="r", reply="r") is Delivery.STORED
    kept: list[Delivery] = []
    late = threading.Thread(
        target=lambda: kept.append(box.keep("2", 2, reply_id="r", reply="third"))
    )
    late.start()
    late.join(0.2)
    assert kept == []
    assert box.collect(["2"]) == []
    assert box.collect(["0", "1"]) == ["r", "r"]
    late.join()
    assert kept == [Delivery.STORED]
    assert box.collect(["2"]) == ["third"]


def test_a_reply_that_waits_for_room_is_late_when_its_round_ends() -> None:
    """Discarding a message frees whoever waits to answer it."""
    box = mailbox(room=1, tasks=2)
    box.keep("0", 0, reply_id="r", reply="r")
    kept: list[Delivery] = []
    late = threading.Thread(target=lambda: kept.append(box.keep("1", 1, reply_id="r", reply="r")))
    late.start()
    box.discard(["1"])
    late.join()
    assert kept == [Delivery.LATE]


def test_nothing_is_left_of_a_run_that_ended() -> None:
    """After clearing, tasks are gone and replies late."""
    box = mailbox(room=3, tasks=2)
    box.leave("more", 0, "more")
    box.clear()
    assert box.take(0) is None
    assert box.keep("1", 1, reply_id="r", reply="r") is Delivery.LATE
