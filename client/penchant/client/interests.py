"""The interest state: decayed means of what a person did, at a short and a long half-life.

For event k with embedding e_k, weight w_k and time t_k, and half-life h,

    x_h(t) = sum_k w_k 2^(-(t - t_k) / h) e_k / sum_k w_k 2^(-(t - t_k) / h)

Numerator and denominator decay by the same factor, so x_h changes only with events. Both sums are
kept relative to the latest event seen, which makes an update O(m), needs no replay, and gives the
same state for the same events in any order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, StoreError

__all__ = ["HalfLives", "InterestState"]

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class HalfLives:
    """How fast interest in an event fades.

    Attributes:
        short_days: days until an event weighs half, for what a person is into now; above 0.
        long_days: the same, for who the person is; above 0.

    Raises:
        ConfigurationError: a half-life is not above 0.
    """

    short_days: float = 2.0
    long_days: float = 60.0

    def __post_init__(self) -> None:
        if not (self.short_days > 0 and self.long_days > 0):
            raise ConfigurationError(
                f"the half-lives are {self.short_days} and {self.long_days} days; both must be "
                "above 0"
            )

    def in_seconds(self) -> NDArray[np.float64]:
        """Return both half-lives in seconds, short first, float64 (2,)."""
        return np.array([self.short_days, self.long_days]) * SECONDS_PER_DAY


@dataclass(frozen=True)
class InterestState:
    """Decayed sums at two half-lives; immutable, each update returns the next state.

    Attributes:
        sums: float64 (2, m), the decayed sums of w e, short half-life first.
        weights: float64 (2,), the decayed sums of w.
        latest: unix seconds of the latest event, the time both are relative to.
    """

    sums: NDArray[np.float64]
    weights: NDArray[np.float64]
    latest: int

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """Return the state of a person who has done nothing, for embeddings in R^dimension."""
        return cls(np.zeros((2, dimension)), np.zeros(2), 0)

    @property
    def dimension(self) -> int:
        """Length m of the embeddings."""
        return int(self.sums.shape[1])

    def updated(
        self,
        embedding: NDArray[np.float32],
        *,
        time: int,
        weight: float = 1.0,
        half_lives: HalfLives,
    ) -> "InterestState":
        """Return the state after one more event.

        Args:
            embedding: float32 (m,), unit norm.
            time: unix seconds of the event; it may precede events seen before.
            weight: how much the event says, such as 1 for a view; negative for a dislike.
            half_lives: must be the same for every event of one state.
        """
        seconds = half_lives.in_seconds()
        latest = max(self.latest, time)
        kept = np.exp2(-(latest - self.latest) / seconds)
        added = weight * np.exp2(-(latest - time) / seconds)
        return InterestState(
            self.sums * kept[:, None] + added[:, None] * embedding,
            self.weights * kept + np.abs(added),
            latest,
        )

    def updated_many(
        self,
        events: Iterable[tuple[NDArray[np.float32], int, float]],
        *,
        half_lives: HalfLives,
    ) -> "InterestState":
        """Return the state after several events, each an (embedding, time, weight)."""
        state = self
        for embedding, time, weight in events:
            state = state.updated(embedding, time=time, weight=weight, half_lives=half_lives)
        return state

    def means(self) -> NDArray[np.float32]:
        """Return the interest vectors x, float32 (2, m), short half-life first; zero if empty."""
        safe = np.where(self.weights > 0, self.weights, 1.0)
        return (self.sums / safe[:, None]).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the state as bytes for the store, little-endian float64."""
        flat = np.concatenate([[self.latest], self.weights, self.sums.ravel()])
        return flat.astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, *, dimension: int) -> Self:
        """Return the state that ``to_bytes`` wrote.

        Raises:
            StoreError: the bytes are not a state of this dimension.
        """
        expected = 8 * (3 + 2 * dimension)
        if len(data) != expected:
            raise StoreError(
                f"the stored interest state has {len(data)} bytes; {expected} were expected for "
                f"embeddings of dimension {dimension}; was the encoder changed?"
            )
        flat = np.frombuffer(data, dtype="<f8")
        return cls(flat[3:].reshape(2, dimension).copy(), flat[1:3].copy(), int(flat[0]))
