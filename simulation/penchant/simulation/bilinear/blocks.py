"""Blocks of devices side by side on threads, each with a linear algebra library of one thread.

A block's products are too small to share between threads, and a library that tries loses more than
it gains; so the blocks are shared out instead. They do not depend on the number of threads, and nor
does the outcome.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import scipy.linalg  # noqa: F401  # its BLAS must be loaded before the controller looks for it
import torch
from threadpoolctl import ThreadpoolController

from penchant.shared.errors import ConfigurationError

__all__ = ["Pool", "blocks_of", "pool_of"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

DEVICES = 100  # few enough for the cache, enough to drown the cost of a call


def blocks_of(count: int, *, size: int = DEVICES) -> list[slice]:
    """Return slices of at most ``size`` that cover ``count``."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _executor(threads: int) -> ThreadPoolExecutor:
    """Return threads that stay, with what they keep."""
    return ThreadPoolExecutor(threads)


class Pool:
    """Ordered map over pieces of work."""

    def __init__(self, executor: ThreadPoolExecutor | None) -> None:
        self._executor = executor

    def map(self, work: Callable[[Piece], Result], pieces: list[Piece]) -> list[Result]:
        """Return ``work`` of each piece, in the pieces' order."""
        if self._executor is None:
            return [work(piece) for piece in pieces]
        return list(self._executor.map(work, pieces))


@contextmanager
def pool_of(threads: int) -> Iterator[Pool]:
    """Give a pool of ``threads``, and keep linear algebra to one thread each meanwhile.

    Raises:
        ConfigurationError: ``threads`` is not positive.
    """
    if threads < 1:
        raise ConfigurationError(f"threads is {threads}; it must be at least 1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield Pool(None if threads == 1 else _executor(threads))
    finally:
        torch.set_num_threads(before)
