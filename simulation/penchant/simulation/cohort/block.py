"""What goes to a worker and what comes back: a block of a round's devices and the sum they give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import RankerSettings

__all__ = ["Block", "BlockTraining", "Constants", "Histories"]


@dataclass(frozen=True, eq=False)
class Histories:
    """Events of n devices on catalogue items, no dislikes, each device's in order of time.

    Attributes:
        offsets: int64 (n + 1,), where each device's events begin.
        items: int64 (events,), catalogue rows.
        times: int64 (events,), unix seconds.
        kinds: int64 (events,), numbers of kinds; None where all are views.
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.int64]
    kinds: NDArray[np.int64] | None = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of events of each device, int64 (n,)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The place in the block of each event's device, int64 (events,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)


@dataclass(frozen=True, eq=False)
class Constants:
    """What every block of a run has in common.

    Attributes:
        settings: shape of the ranker.
        features: float32 (J, k), features of the catalogue.
        randomness: device i draws from the stream (i, round) under this one.
    """

    settings: RankerSettings
    features: NDArray[np.float32]
    randomness: SeededRandomness


@dataclass(frozen=True, eq=False)
class Block:
    """Devices of a round that are trained together.

    Attributes:
        devices: int64 (n,), their numbers, ascending.
        histories: their events.
        private_vectors: float32 (n, d), where their private vectors stand.
    """

    devices: NDArray[np.int64]
    histories: Histories
    private_vectors: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BlockTraining:
    """What training a block gives.

    Attributes:
        devices: int64 (n,), as in the block.
        succeeded: bool (n,), False where training gave numbers that are not finite.
        total: float32 (D,), sum of the clipped updates of the devices that succeeded.
        private_vectors: float32 (n, d), trained; as they were where training failed.
    """

    devices: NDArray[np.int64]
    succeeded: NDArray[np.bool_]
    total: NDArray[np.float32]
    private_vectors: NDArray[np.float32]
