"""What is fuzzed: where inputs come from, what is done with one, and what one may cost."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["Hang", "Target", "bounded_memory", "fuzz"]

LONGEST = 20  # seconds for one input, on a busy machine
CHUNK = 2_000  # inputs that Hypothesis looks at together


class Hang(BaseException):
    """An input took too long; nothing that is fuzzed may catch it."""


@dataclass(frozen=True)
class Target:
    """Something that takes input from outside.

    Attributes:
        name: what it is.
        inputs: where inputs come from.
        check: feeds one in; whatever it raises was not meant.
        weight: its share of all inputs, relative to others'.
    """

    name: str
    inputs: SearchStrategy[Any]
    check: Callable[[Any], object]
    weight: float = 1.0


def fuzz(target: Target, *, inputs: int, seed: int) -> int:
    """Feed so many inputs to a target; return how many it was.

    The first that does what was not meant is shrunk, and raised with what it was.

    Args:
        target: what is fuzzed.
        inputs: how many, at least.
        seed: of the inputs.
    """
    fed = 0

    def feed(value: Any) -> None:
        nonlocal fed
        fed += 1
        with _in_time():
            target.check(value)

    for chunk in range(10 * (1 + inputs // CHUNK)):
        if fed >= inputs:
            break
        test = settings(
            max_examples=min(CHUNK, inputs - fed),
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(target.inputs)(feed))
        hypothesis.seed(1000 * seed + chunk)(test)()
    return fed


@contextmanager
def bounded_memory(extra: int) -> Iterator[None]:
    """Let this process have at most ``extra`` bytes of address space more than it has now."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a file of the kernel's
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + extra, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def _in_time() -> Iterator[None]:
    left = LONGEST

    def tick(_number: int, _frame: FrameType | None) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Hang(f"more than {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, tick)
    # Second by second: while somebody has stopped this process none is counted.
    signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
