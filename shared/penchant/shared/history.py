"""A person's recent events as arrays: what training and ranking read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]


@dataclass(frozen=True, eq=False)
class History:
    """Events of one person, oldest first.

    Attributes:
        features: float32 (n, k), item or text features of each event.
        items: int64 (n,), row in the catalogue, ``UNKNOWN_ITEM`` for text or foreign items.
        kinds: int64 (n,), index of the event kind.
        times: int64 (n,), unix seconds, never decreasing.
    """

    features: NDArray[np.float32]
    items: NDArray[np.int64]
    kinds: NDArray[np.int64]
    times: NDArray[np.int64]

    def __len__(self) -> int:
        """Return n, the number of events."""
        return len(self.items)

    def latest(self, count: int) -> "History":
        """Return the latest ``count`` events."""
        start = max(0, len(self) - count)
        return History(
            self.features[start:], self.items[start:], self.kinds[start:], self.times[start:]
        )

    def before(self, place: int) -> "History":
        """Return the events before that at ``place``."""
        return History(
            self.features[:place], self.items[:place], self.kinds[:place], self.times[:place]
        )
