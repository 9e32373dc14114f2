"""Messages that wait for devices, and replies that wait to be added up: in memory only.

A round that was cut short is run again from its beginning, and what its devices sent is refused as
late: no message outlives its process, so that none has to be written down.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from penchant.shared.errors import StoreError

__all__ = ["Delivery", "Mailbox"]

Task = TypeVar("Task")
Reply = TypeVar("Reply")

ROOM_SECONDS = 60.0  # that a reply waits for room


class Delivery(Enum):
    """What became of a reply."""

    STORED = "stored"
    LATE = "late"
    DUPLICATE = "duplicate"
    FOREIGN = "foreign"


@dataclass
class _Errand(Generic[Task]):
    node: int
    task: Task
    reply_id: str | None = None


class Mailbox(Generic[Task, Reply]):
    """Tasks for nodes, each taken once, and one reply to each. Safe to use from any thread.

    Args:
        room: how many replies are held; another one waits until some are collected.
    """

    def __init__(self, *, room: int) -> None:
        self._room = room
        self._changed = threading.Condition()
        self._errands: dict[str, _Errand[Task]] = {}
        self._waiting: dict[int, deque[str]] = {}
        self._replies: dict[str, Reply] = {}

    def leave(self, message_id: str, node: int, task: Task) -> None:
        """Leave a task for a node."""
        with self._changed:
            self._errands[message_id] = _Errand(node, task)
            self._waiting.setdefault(node, deque()).append(message_id)

    def take(self, node: int) -> Task | None:
        """Return the oldest task that waits for a node, or None; once only."""
        with self._changed:
            waiting = self._waiting.get(node, deque())
            while waiting:
                errand = self._errands.get(waiting.popleft())
                if errand is not None:
                    return errand.task
            self._waiting.pop(node, None)
            return None

    def keep(self, message_id: str, node: int, *, reply_id: str, reply: Reply) -> Delivery:
        """Keep a node's reply to a message, when there is room; say what became of it.

        The very same reply, sent again because its answer was lost, is stored as before.

        Raises:
            StoreError: there was no room for a minute.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self._replies) < self._room or message_id not in self._errands,
                timeout=ROOM_SECONDS,
            ):
                raise StoreError(f"{self._room} replies wait to be added up; come back later")
            errand = self._errands.get(message_id)
            if errand is None:
                return Delivery.LATE
            if errand.node != node:
                return Delivery.FOREIGN
            if errand.reply_id is not None:
                again = errand.reply_id == reply_id
                return Delivery.STORED if again else Delivery.DUPLICATE
            errand.reply_id = reply_id
            self._replies[message_id] = reply
            return Delivery.STORED

    def collect(self, message_ids: Iterable[str]) -> list[Reply]:
        """Return the replies to these messages that have come, and forget both."""
        with self._changed:
            come = [message_id for message_id in message_ids if message_id in self._replies]
            replies = [self._replies[message_id] for message_id in come]
            self._forget(come)
        return replies

    def discard(self, message_ids: Iterable[str]) -> None:
        """Forget messages and the replies to them: what comes later is late."""
        with self._changed:
            self._forget(message_ids)

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._forget(list(self._errands))
            self._waiting.clear()

    def _forget(self, message_ids: Iterable[str]) -> None:
        for message_id in message_ids:
            errand = self._errands.pop(message_id, None)
            self._replies.pop(message_id, None)
            waiting = self._waiting.get(errand.node) if errand is not None else None
            if errand is not None and waiting is not None and message_id in waiting:
                waiting.remove(message_id)
                if not waiting:
                    del self._waiting[errand.node]
        self._changed.notify_all()
