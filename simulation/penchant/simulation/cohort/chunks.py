"""Chunks: as many of a block's devices as fit in the processor's cache together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.cohort.block import Histories
from penchant.simulation.cohort.draws import Draws
from penchant.simulation.cohort.examples import Examples

__all__ = ["Chunk", "cut"]

CACHED_NUMBERS = 2**18  # 1 MiB of float32


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some devices of a block.

    Attributes:
        rows: int64 (n,), their places in the block.
        steps: the examples of each step.
    """

    rows: NDArray[np.int64]
    steps: list[Examples]


def cut(
    histories: Histories, draws: Draws, *, items: int, length: int, numbers: int
) -> Iterator[Chunk]:
    """Yield a block in chunks of devices with about as many examples each.

    Args:
        histories: events of the block.
        draws: what its devices drew.
        items: J.
        length: L.
        numbers: how many numbers the largest array of one device has.
    """
    largest = draws.counts.max(axis=1)
    order = np.argsort(largest, kind="stable")
    steps = [
        Examples.of(histories, draws, order, step=step, length=length, items=items)
        for step in range(draws.counts.shape[1])
    ]
    size = max(1, CACHED_NUMBERS // numbers)
    for start in range(0, len(order), size):
        some = slice(start, start + size)
        rows = order[some]
        width = max(1, int(largest[rows[-1]]))
        yield Chunk(rows, [examples.part(some, largest=width) for examples in steps])
