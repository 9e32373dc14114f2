"""Tests of when a joined device looks for releases."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client.join.looks import FIRST, LONGEST, SOON, Looks

DAY = 86_400.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.now


def idle(looks: Looks, clock: Clock, seconds: float) -> list[float]:
    """The times of looks that find nothing."""
    times, end = [], clock.now + seconds
    while clock.now + looks.left() <= end:
        clock.now += looks.left()
        times.append(clock.now)
        looks.looked(found=False)
    return times


@given(chances=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_a_device_that_finds_nothing_looks_ever_more_seldom(chances: list[float]) -> None:
    """At once, then from 10 minutes apart to 6 hours and half as much again; 11 times a day."""
    clock, drawn = Clock(), list(chances)

    def chance() -> float:
        drawn.append(drawn.pop(0))
        return drawn[-1]

    times = idle(Looks(clock=clock, chance=chance), clock, DAY)
    assert times[0] == 1000.0
    gaps = [after - before for before, after in pairwise(times)]
    for place, gap in enumerate(gaps):
        planned = min(FIRST * 2**place, LONGEST)
        assert planned - 1e-6 <= gap <= 1.5 * planned + 1e-6
    assert len(times) <= 11


def test_what_is_new_and_what_is_answered_bring_the_next_look_nearer() -> None:
    """A release: 10 minutes again. A round: a minute, and then 10 minutes."""
    clock = Clock()
    looks = Looks(clock=clock, chance=lambda: 0.0)
    idle(looks, clock, DAY)
    assert looks.left() > 3600
    looks.answered()
    assert looks.left() == SOON
    clock.now += SOON
    looks.looked(found=True)
    assert looks.left() == FIRST
    looks.answered()
    looks.answered()
    assert looks.left() == pytest.approx(SOON)
    clock.now += SOON
    looks.looked(found=False)
    assert looks.left() == FIRST


def test_devices_do_not_come_together() -> None:
    """A thousand that were switched on at once are spread over half an interval (seed-free law).

    False alarms: each of ten parts expects 100 of 1,000; fewer than 50 has chance 10^-8 a part.
    """
    clock = Clock()
    many = [Looks(clock=clock) for _ in range(1000)]
    for looks in many:
        looks.looked(found=True)
    parts = [int(10 * (looks.left() - FIRST) / (0.5 * FIRST)) for looks in many]
    assert all(parts.count(part) >= 50 for part in range(10))
