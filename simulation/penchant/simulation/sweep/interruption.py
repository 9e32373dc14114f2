"""SIGTERM as Ctrl-C: whoever supervises a sweep can stop it as a person would."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["TERMINATED", "Terminated", "stoppable"]

TERMINATED = 128 + signal.SIGTERM  # exit code by the shells' convention


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Have SIGTERM raise ``Terminated`` within, once; main thread only.

    A second one is for those who do not want to wait: it ends the process at once.
    """
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated
