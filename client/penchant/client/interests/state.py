"""The interest state: what is kept of past events so that the next one costs no replay.

A state is a function of the events kept, in order of time, whatever order they came in. ``Sums``
(half-lives and ewma) is O(m) to keep and to update; ``Recents`` (window) is O(W m).
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.interests.policies import Ewma, HalfLives, InterestPolicy, Window
from penchant.shared.errors import ConfigurationError

__all__ = [
    "InterestState",
    "Observed",
    "empty_state",
    "mean_shares",
    "state_bytes",
    "state_key",
    "stored_state",
]

KEY_BYTES = 16
# Rows that are widened to float64 at a time: an import of 100,000 events needs no copy of them all.
BLOCK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Observed:
    """Events as an interest state reads them, in any order.

    Attributes:
        embeddings: float32 (n, m).
        times: int64 (n,), unix seconds.
        weights: float64 (n,), what each event's kind says; below 0 for aversion.
    """

    embeddings: NDArray[np.float32]
    times: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        """Return n, the number of events."""
        return len(self.times)

    def in_order(self) -> Self:
        """Return the same events by time; those at one time stay in the order they came in."""
        if (self.times[1:] >= self.times[:-1]).all():
            return self
        return self.at(np.argsort(self.times, kind="stable"))

    def at(self, rows: NDArray[np.int64] | slice) -> Self:
        """Return the events at ``rows``."""
        return replace(
            self,
            embeddings=self.embeddings[rows],
            times=self.times[rows],
            weights=self.weights[rows],
        )


class InterestState(Protocol):
    """What is kept of past events; immutable, each update returns the next state."""

    @property
    def is_empty(self) -> bool:
        """Whether no event has counted yet."""

    def takes(self, times: NDArray[np.int64]) -> bool:
        """Return whether events at these times can be added; if not, only a replay is exact."""

    def updated(self, observed: Observed) -> "InterestState":
        """Return the state that has seen these events too."""

    def means(self) -> NDArray[np.float32]:
        """Return the interest vectors x, float32 (2, m), short-lived first; zero if empty."""

    def to_bytes(self) -> bytes:
        """Return what a store keeps of it."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Numerators and denominators of the means.

    Attributes:
        policy: how events fade.
        sums: float64 (2, m), the sums of f w e, short-lived interest first.
        weights: float64 (2,), the sums of f |w|.
        latest: unix seconds of the latest event.
    """

    policy: HalfLives | Ewma
    sums: NDArray[np.float64]
    weights: NDArray[np.float64]
    latest: int

    @property
    def is_empty(self) -> bool:
        """Whether no event has counted yet."""
        return not self.weights.any()

    def takes(self, times: NDArray[np.int64]) -> bool:
        """Return whether events at these times can be added: for ewma, late ones cannot."""
        return isinstance(self.policy, HalfLives) or bool((times >= self.latest).all())

    def updated(self, observed: Observed) -> "Sums":
        """Return the state that has seen these events too."""
        ordered = observed.in_order()
        state = self
        for start in range(0, len(ordered), BLOCK_ROWS):
            state = state._advanced(ordered.at(slice(start, start + BLOCK_ROWS)))
        return state

    def _advanced(self, observed: Observed) -> "Sums":
        latest = max(self.latest, int(observed.times[-1]))
        if isinstance(self.policy, HalfLives):
            kept = self.policy.decay(np.array([latest - self.latest]))[:, 0]
            factors = self.policy.decay(latest - observed.times)
        else:
            kept = (1.0 - self.policy.rates()) ** len(observed)
            factors = self.policy.factors(observed.times)
        added = factors * observed.weights
        return Sums(
            self.policy,
            self.sums * kept[:, None] + added @ observed.embeddings.astype(np.float64),
            self.weights * kept + np.abs(added).sum(axis=1),
            latest,
        )

    def means(self) -> NDArray[np.float32]:
        """Return the interest vectors x, float32 (2, m), short-lived first; zero if empty."""
        safe = np.where(self.weights > 0, self.weights, 1.0)
        return (self.sums / safe[:, None]).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the state as bytes for the store, little-endian float64."""
        flat = np.concatenate([[self.latest], self.weights, self.sums.ravel()])
        return flat.astype("<f8").tobytes()


@dataclass(frozen=True, eq=False)
class Recents:
    """The latest events themselves.

    Attributes:
        policy: how many there are.
        events: at most ``policy.horizon`` events, in order of time.
    """

    policy: Window
    events: Observed

    @property
    def is_empty(self) -> bool:
        """Whether no event has counted yet."""
        return not self.events.weights.any()

    def takes(self, times: NDArray[np.int64]) -> bool:  # noqa: ARG002
        """Return True: a late event takes its place, or is too old to count."""
        return True

    def updated(self, observed: Observed) -> "Recents":
        """Return the state that has seen these events too."""
        mine, theirs = self.events, observed
        joined = Observed(
            np.concatenate([mine.embeddings, theirs.embeddings]),
            np.concatenate([mine.times, theirs.times]),
            np.concatenate([mine.weights, theirs.weights]),
        ).in_order()
        return Recents(self.policy, joined.at(slice(-int(self.policy.horizon or 1), None)))

    def means(self) -> NDArray[np.float32]:
        """Return the interest vectors x, float32 (2, m), short-lived first; zero if empty."""
        shares = mean_shares(self.policy, self.events.times, self.events.weights)
        return (shares @ self.events.embeddings.astype(np.float64)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return nothing: the events are in the store already."""
        return b""


def empty_state(policy: InterestPolicy, *, dimension: int) -> InterestState:
    """Return the state of a person who has done nothing, for embeddings in R^dimension.

    Raises:
        ConfigurationError: ``policy`` is none of the three.
    """
    if isinstance(policy, HalfLives | Ewma):
        return Sums(policy, np.zeros((2, dimension)), np.zeros(2), 0)
    if isinstance(policy, Window):
        none = np.zeros((0, dimension), dtype=np.float32)
        return Recents(policy, Observed(none, np.zeros(0, dtype=np.int64), np.zeros(0)))
    raise ConfigurationError(
        f"the interest policy is {policy!r}; it must be HalfLives, Ewma or Window"
    )


def mean_shares(
    policy: InterestPolicy, times: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much of each event is in the means, float64 (2, n): x = shares @ embeddings.

    Args:
        policy: how events fade.
        times: int64 (n,), of all events kept, in order.
        weights: float64 (n,), of their kinds.
    """
    added = policy.factors(times) * weights
    total = np.abs(added).sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = added / np.where(total > 0, total, 1.0)
    return shares


def state_bytes(state: InterestState, *, key: bytes) -> bytes:
    """Return a state as the store keeps it, under the key of what else decides it."""
    return key + state.to_bytes()


def state_key(policy: InterestPolicy, *, catalogue: str) -> bytes:
    """Return what a stored state is only good for: 16 bytes of its policy and its catalogue.

    Args:
        policy: how events fade.
        catalogue: fingerprint of the items, whose embeddings stand for events on them.
    """
    return hashlib.sha256(f"interest state 1 {policy!r} {catalogue}".encode()).digest()[:KEY_BYTES]


def stored_state(
    data: bytes | None, policy: InterestPolicy, *, dimension: int, key: bytes
) -> InterestState | None:
    """Return the state that ``state_bytes`` gave, or None where only a replay can give it."""
    if data is None or not isinstance(policy, HalfLives | Ewma):
        return None
    if len(data) != KEY_BYTES + 8 * (3 + 2 * dimension) or data[:KEY_BYTES] != key:
        return None
    flat = np.frombuffer(data[KEY_BYTES:], dtype="<f8")
    return Sums(policy, flat[3:].reshape(2, dimension).copy(), flat[1:3].copy(), int(flat[0]))
