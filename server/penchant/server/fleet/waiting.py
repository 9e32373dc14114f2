"""Devices that wait for a message, and waking them when one is left."""

import asyncio

__all__ = ["Waiting"]


class Waiting:
    """Devices whose request is held open until there is a message, or their patience ends.

    Every method but ``announce`` is for the event loop's thread.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, asyncio.Future[bool]] = {}

    def __len__(self) -> int:
        """Return how many devices are waiting."""
        return len(self._waiting)

    def announce(self, nodes: list[int]) -> None:
        """Wake these nodes, if they wait; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, nodes)

    def begin(self, node: int) -> asyncio.Future[bool]:
        """Return what will be true when there is a message for ``node``.

        An earlier request of the same node is let go: its device has gone and come back.
        """
        self._loop = asyncio.get_running_loop()
        earlier = self._waiting.get(node)
        if earlier is not None and not earlier.done():
            earlier.set_result(False)
        future = self._waiting[node] = self._loop.create_future()
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
