"""Chunks: as many of a block's devices as fit in the processor's cache together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.simulation.cohort.block import Histories
from penchant.simulation.cohort.draws import Batches, Draws, excluded_negatives
from penchant.simulation.cohort.nextevent import Examples

__all__ = ["Chunk", "cut"]

CACHED_NUMBERS = 2**18  # 1 MiB of float32


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some devices of a block.

    Attributes:
        rows: int64 (n,), their places in the block.
        histories: events of the block.
        draws: what these devices drew.
        items: J.
        length: L.
    """

    rows: NDArray[np.int64]
    histories: Histories
    draws: Draws
    items: int
    length: int

    def batches(self, *, step: int) -> Batches:
        """Return one step's examples but for the negatives."""
        return Batches.of(self.histories, self.rows, self.draws, step=step, length=self.length)

    def examples(self, *, step: int) -> Examples:
        """Return one step's examples, with catalogue rows for table rows."""
        batches = self.batches(step=step)
        negatives = self.draws.negatives[:, step]
        excluded = excluded_negatives(self.histories, self.rows, negatives, items=self.items)
        return Examples(
            targets=torch.from_numpy(batches.targets),
            weights=torch.from_numpy(batches.weights),
            context=torch.from_numpy(batches.context),
            missing=torch.from_numpy(batches.missing),
            ages=torch.from_numpy(batches.ages),
            negatives=torch.from_numpy(negatives),
            excluded=torch.from_numpy(excluded),
        )


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
    order = np.argsort(draws.counts.max(axis=1), kind="stable")
    size = max(1, CACHED_NUMBERS // numbers)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield Chunk(rows, histories, draws.of_devices(rows), items, length)
