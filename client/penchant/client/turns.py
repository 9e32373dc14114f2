"""Turns: one thread at a time uses a device, and whoever computes for long lets others go first."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

__all__ = ["Turns", "in_turn"]

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


class Turns:
    """A lock that its holder may take again, and lend to others for a while."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let other threads have their turn during the block; the holder took it once."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()


class _TakesTurns(Protocol):
    _turns: Turns


Taker = TypeVar("Taker", bound=_TakesTurns)


def in_turn(
    method: Callable[Concatenate[Taker, Given], Returned],
) -> Callable[Concatenate[Taker, Given], Returned]:
    """Make a method of a device one that waits for its turn."""

    @wraps(method)
    def waiting(self: Taker, /, *arguments: Given.args, **named: Given.kwargs) -> Returned:
        with self._turns:
            return method(self, *arguments, **named)

    return waiting
