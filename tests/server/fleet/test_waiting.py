"""Waiting devices: so many held, each woken by what is left for it, others told when to come."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.server.fleet.waiting import Waiting


def test_a_message_wakes_its_device_alone() -> None:
    """From another thread, as rounds run in one."""

    async def wait() -> None:
        waiting = Waiting(most=10)
        futures = {node: waiting.begin(node) for node in (1, 2)}
        thread = threading.Thread(target=waiting.announce, args=([1],))
        thread.start()
        assert await asyncio.wait_for(futures[1], 60)
        thread.join()
        assert not futures[2].done()
        assert waiting.claim(1)
        assert not waiting.claim(1)
        assert not waiting.claim(2)

    asyncio.run(wait())


def test_what_was_left_before_is_not_missed() -> None:
    """A message that comes between a device's look and its waiting wakes it at once."""

    async def wait() -> None:
        waiting = Waiting(most=10)
        waiting.announce([1])
        assert await asyncio.wait_for(waiting.begin(1), 60)

    asyncio.run(wait())


def test_only_so_many_are_held() -> None:
    """The next one finds no room, until one has gone; who is held already may come back."""

    async def wait() -> None:
        waiting = Waiting(most=2)
        futures = {node: waiting.begin(node) for node in (1, 2)}
        assert not waiting.has_room(3)
        assert waiting.has_room(1)
        waiting.end(1, futures[1])
        assert waiting.has_room(3)

    asyncio.run(wait())


@given(devices=st.integers(0, 10**7), longest=st.floats(12, 3600))
def test_others_come_seldom_enough_and_in_time(devices: int, longest: float) -> None:
    """Together at most some 70 a second, unless they would come too late for a round."""
    pause = Waiting(most=100).pause(devices=devices, longest=longest)
    assert 12 <= pause <= longest + 1
    assert max(0, devices - 100) / pause <= 70 or pause >= longest


@pytest.mark.parametrize("most", [0, 1])
def test_a_server_may_hold_nobody(most: int) -> None:
    """Then every device comes and looks."""
    assert Waiting(most=most).has_room(1) is (most == 1)
