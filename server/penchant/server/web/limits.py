"""How often somebody may ask: token buckets, one a key, for a bounded number of keys."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

__all__ = ["TokenBuckets"]


class TokenBuckets:
    """Each key may ask ``burst`` times at once, and ``rate`` times a second in the long run.

    Args:
        rate: tokens a second.
        burst: tokens of a full bucket.
        keys: how many keys are remembered; the one not heard of for longest is forgotten first.
        clock: seconds from any start.
    """

    def __init__(
        self,
        *,
        rate: float,
        burst: float,
        keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def has(self, key: Hashable) -> bool:
        """Return whether ``key`` has a token left, without taking it."""
        return self._level(key) >= 1.0

    def take(self, key: Hashable) -> bool:
        """Take one of ``key``'s tokens; return whether there was one."""
        level = self._level(key)
        allowed = level >= 1.0
        self._buckets[key] = (level - 1.0 if allowed else level, self._clock())
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return allowed

    def _level(self, key: Hashable) -> float:
        level, since = self._buckets.get(key, (self._burst, self._clock()))
        return min(self._burst, level + self._rate * (self._clock() - since))
