"""Devices that wait for a message: held up to a number, woken when one is left for them."""

import asyncio
import math

__all__ = ["Waiting"]

# So often may devices that are not held come and look, together: some 4 ms of a core each.
LOOKS_PER_SECOND = 70.0
SHORTEST_PAUSE = 12.0


class Waiting:
    """Devices whose request is held open until there is a message, or their patience ends.

    A held request costs a connection, so only so many are held, and the others are told when to
    come again: a server's memory does not grow with its fleet. Every method but ``announce`` is for
    the event loop's thread.

    Args:
        most: how many requests are held at most.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._left: set[int] = set()

    def __len__(self) -> int:
        """Return how many devices are waiting."""
        return len(self._waiting)

    def has_room(self, node: int) -> bool:
        """Return whether a request of ``node`` may be held."""
        return node in self._waiting or len(self._waiting) < self._most

    def pause(self, *, devices: int, longest: float) -> int:
        """Return after how many seconds a device that is not held should come again.

        The more devices there are, the longer, so that they cost the same together.

        Args:
            devices: how many there are, those held included.
            longest: seconds after which they must have come.
        """
        others = max(0, devices - self._most)
        return math.ceil(min(longest, max(SHORTEST_PAUSE, others / LOOKS_PER_SECOND)))

    def announce(self, nodes: list[int]) -> None:
        """Note that messages have been left for these nodes, and wake those that wait.

        From any thread: whoever begins to wait after the note sees it, and who began before is
        woken.
        """
        self._left.update(nodes)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, nodes)

    def claim(self, node: int) -> bool:
        """Return whether a message may have been left for ``node`` since it last claimed."""
        if node not in self._left:
            return False
        self._left.discard(node)
        return True

    def begin(self, node: int) -> asyncio.Future[bool]:
        """Return what will be true when there is a message for ``node``.

        An earlier request of the same node is let go: its device has gone and come back.
        """
        self._loop = asyncio.get_running_loop()
        earlier = self._waiting.get(node)
        if earlier is not None and not earlier.done():
            earlier.set_result(False)
        future = self._waiting[node] = self._loop.create_future()
        if node in self._left:
            future.set_result(True)
        return future

    def end(self, node: int, future: "asyncio.Future[bool]") -> None:
        """Forget what ``begin`` returned."""
        if self._waiting.get(node) is future:
            del self._waiting[node]

    def release(self) -> None:
        """Let everybody go, without a message: the server stops."""
        for future in self._waiting.values():
            if not future.done():
                future.set_result(False)

    def _wake(self, nodes: list[int]) -> None:
        for node in nodes:
            future = self._waiting.get(node)
            if future is not None and not future.done():
                future.set_result(True)
