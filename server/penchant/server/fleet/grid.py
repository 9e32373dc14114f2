"""The Flower grid of a deployed server: devices are asked through their mailboxes."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from flwr.app import Message
from flwr.supercore.run import Run

from penchant.server.fleet.flower_adapter import BATCH, FleetState
from penchant.server.grid import RunGrid

__all__ = ["FleetGrid", "RoundStopped"]

Thing = TypeVar("Thing")

PAUSE_SECONDS = 0.5  # how long a stop may go unnoticed


class RoundStopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The server is stopping; the round in progress is abandoned, as if it had not begun."""


class FleetGrid(RunGrid):
    """Delivers messages to enrolled devices and yields replies as they come.

    Routes tell it of each reply (``replied``), so that it never searches the mailbox: a reply costs
    the same whether ten devices were asked or ten thousand, and no more than ``BATCH`` are held.

    Args:
        state: nodes and messages.
        run: the run that messages belong to.
        on_messages: told the nodes that messages have been left for.
        on_late: told of each reply that had come when nobody wanted any more.
    """

    def __init__(
        self,
        state: FleetState,
        run: Run,
        *,
        on_messages: Callable[[list[int]], None],
        on_late: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(run)
        self._state = state
        self._on_messages = on_messages
        self._on_late = on_late
        self._replied: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Abandon the round in progress and refuse to begin another."""
        self._stopping.set()

    def replied(self, message_id: str) -> None:
        """Note that the reply to a message has been kept."""
        self._replied.put(message_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids of all enrolled devices, whether they are there or not."""
        return self._state.numbers()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Leave messages for their devices and return the messages' ids."""
        return list(self._pushed(messages))

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that have come to these messages."""
        return self._state.replies(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Generator[Message, None, None]:
        """Leave messages for their devices, and yield the replies that come in time.

        Closing the generator ends the round: what comes later is late.

        Args:
            messages: made as they are left, so that a large cohort is never held.
            timeout: seconds; None to wait until every device has answered.

        Raises:
            RoundStopped: ``stop`` was called.
        """
        awaited: set[str] = set()
        # The deadline runs from the first message on: a cohort is told of it together.
        deadline = None if timeout is None else time.monotonic() + timeout
        held: deque[Message] = deque()
        try:
            for message_id in self._pushed(messages):
                awaited.add(message_id)
            while awaited and (deadline is None or time.monotonic() < deadline):
                held.extend(self._state.replies(self._come(awaited, deadline)))
                while held:
                    reply = held.popleft()
                    awaited.discard(reply.metadata.reply_to_message_id)
                    yield reply
        finally:
            if not self._stopping.is_set():
                self._count_late(len(held), awaited)
            for batch in _batches(awaited):
                self._state.discard(batch)

    def _pushed(self, messages: Iterable[Message]) -> Iterator[str]:
        for batch in _batches(messages):
            if self._stopping.is_set():
                raise RoundStopped
            yield from self._state.put(batch)
            self._on_messages([message.metadata.dst_node_id for message in batch])

    def _count_late(self, held: int, awaited: set[str]) -> None:
        """Tell of the replies that have come and were not asked for."""
        while not self._replied.empty():
            held += self._replied.get_nowait() in awaited
        for _ in range(held):
            self._on_late()

    def _come(self, awaited: set[str], deadline: float | None) -> set[str]:
        """Return messages whose replies have come, waiting for the first of them."""
        come: set[str] = set()
        patience = PAUSE_SECONDS
        if deadline is not None:
            patience = max(0.0, min(patience, deadline - time.monotonic()))
        try:
            come.add(self._replied.get(timeout=patience))
            while len(come) < BATCH:
                come.add(self._replied.get_nowait())
        except queue.Empty:
            pass
        if self._stopping.is_set():
            raise RoundStopped
        return come & awaited


def _batches(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    iterator = iter(things)
    while batch := list(islice(iterator, BATCH)):
        yield batch
