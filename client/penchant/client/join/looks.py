"""When a joined device looks for a new release: soon after a round, else ever more seldom."""

import random
import time
from collections.abc import Callable

__all__ = ["Looks"]

SOON, FIRST, LONGEST = 60.0, 600.0, 6 * 3600.0  # seconds
JITTER = 0.5


class Looks:
    """The times of a device's looks.

    A look is one conditional request, and most are answered with 304 and no body. After a look
    that finds nothing the next is twice as far away, up to ``longest``; after one that finds
    something it is ``first`` away again. A round that the device has taken part in brings a release
    ``soon``. Each time is by chance up to half as far again, so that devices do not come together.

    Args:
        soon: seconds from an answer to the next look.
        first: seconds between two looks, at first.
        longest: at last.
        clock: seconds from any start.
        chance: draws from 0 to 1.
    """

    def __init__(
        self,
        *,
        soon: float = SOON,
        first: float = FIRST,
        longest: float = LONGEST,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._soon = soon
        self._first = first
        self._longest = longest
        self._clock = clock
        self._chance = chance
        self._interval = first
        self._next = clock()

    def left(self) -> float:
        """Return the seconds until the next look is due; 0 if it is."""
        return max(0.0, self._next - self._clock())

    def looked(self, *, found: bool) -> None:
        """Note that a look was had, and whether there was something new."""
        self._next = self._after(self._first if found else self._interval)
        self._interval = min(2 * (self._first if found else self._interval), self._longest)

    def answered(self) -> None:
        """Note that a task was answered: its round will bring a release."""
        self._interval = self._first
        self._next = min(self._next, self._after(self._soon))

    def _after(self, seconds: float) -> float:
        return self._clock() + seconds * (1.0 + JITTER * self._chance())
