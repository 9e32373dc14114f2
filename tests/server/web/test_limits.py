"""Tests of token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from penchant.server.web.limits import TokenBuckets


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@given(
    rate=st.floats(0.1, 10),
    burst=st.integers(1, 20),
    steps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_nobody_takes_more_than_burst_and_rate_allow(
    rate: float, burst: int, steps: list[float]
) -> None:
    """In any stretch of time a key takes at most burst + rate x seconds tokens."""
    clock = Clock()
    buckets = TokenBuckets(rate=rate, burst=burst, clock=clock)
    taken = []
    for step in steps:
        clock.now += step
        if buckets.take("key"):
            taken.append(clock.now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - start) + 1e-6


def test_keys_have_buckets_of_their_own() -> None:
    """One key's flood costs no other key anything."""
    buckets = TokenBuckets(rate=1, burst=2, clock=Clock())
    assert [buckets.take("one") for _ in range(3)] == [True, True, False]
    assert buckets.has("other")
    assert buckets.take("other")
    assert not buckets.has("one")


def test_a_bounded_number_of_keys_is_remembered() -> None:
    """A flood of keys does not fill the memory; the one unheard of for longest goes first."""
    buckets = TokenBuckets(rate=0.001, burst=1, keys=3, clock=Clock())
    for key in range(4):
        buckets.take(key)
    assert buckets.has(0)
    assert not any(buckets.has(key) for key in (1, 2, 3))
