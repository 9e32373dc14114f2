"""Randomness behind one interface: the operating system's for what counts, seeded for studies.

Privacy noise, Poisson batches and cohorts must be unpredictable to whoever sees the results, so
deployed code draws them from the operating system's cryptographic generator. A simulation must be
repeatable, so it passes a seeded source instead; its noise has the same law but protects nobody.
"""

import hashlib
import math
import os
from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEY_BYTES", "KeyedRandomness", "Randomness", "SeededRandomness", "SystemRandomness"]

KEY_BYTES = 32


class Randomness(Protocol):
    """A source of independent draws."""

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Return ``size`` draws from the uniform law on [0, 1), float64."""

    def normal(self, size: int) -> NDArray[np.float64]:
        """Return ``size`` draws from the standard normal law, float64."""

    def integers(self, size: int, *, below: int) -> NDArray[np.int64]:
        """Return ``size`` whole numbers drawn uniformly from 0 to ``below`` - 1."""

    def spawn(self, *key: int) -> "Randomness":
        """Return an independent source; a seeded one gives the same stream for the same key.

        Args:
            key: numbers from 0 to 2**32 - 1.
        """


class _RandomBytes(ABC):
    """Draws made of random bytes."""

    @abstractmethod
    def _bytes(self, count: int) -> bytes:
        """Return ``count`` uniform bytes."""

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Return ``size`` draws from the uniform law on [0, 1), 53 random bits each."""
        words = np.frombuffer(self._bytes(8 * size), dtype="<u8")
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, size: int) -> NDArray[np.float64]:
        """Return ``size`` standard normal draws by the Box-Muller transform.

        Box, G. and Muller, M. (1958), "A note on the generation of random normal deviates".
        """
        pairs = (size + 1) // 2
        uniforms = self.uniform(2 * pairs)
        radius = np.sqrt(-2.0 * np.log1p(-uniforms[:pairs]))
        angle = 2.0 * math.pi * uniforms[pairs:]
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]

    def integers(self, size: int, *, below: int) -> NDArray[np.int64]:
        """Return ``size`` whole numbers drawn uniformly from 0 to ``below`` - 1.

        The bias from rounding a 53-bit uniform is below ``below`` / 2**53.
        """
        if below < 1:
            raise ValueError(f"below is {below}; it must be at least 1")
        return (self.uniform(size) * below).astype(np.int64)


class SystemRandomness(_RandomBytes):
    """Draws from the operating system's cryptographic generator; what deployed code uses."""

    def _bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def spawn(self, *key: int) -> "SystemRandomness":  # noqa: ARG002
        """Return this source: its draws are independent already."""
        return self


class KeyedRandomness(_RandomBytes):
    """Draws that only whoever has the key can repeat, and nobody else can foresee.

    Bytes are SHAKE-256 (FIPS 202) of the key, the path of ``spawn`` keys and a counter of calls.
    Deployed code uses it where a computation has to be done again, with the same draws, on other
    data.

    Args:
        key: 32 bytes from a cryptographic generator, used for nothing else.
        path: the ``spawn`` keys that led here.
    """

    def __init__(self, key: bytes, path: tuple[int, ...] = ()) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes; it must have {KEY_BYTES}")
        self._key = key
        self._path = path
        self._calls = 0

    def _bytes(self, count: int) -> bytes:
        place = (len(self._path), *self._path, self._calls)
        self._calls += 1
        digest = hashlib.shake_256(self._key)
        digest.update(b"".join(part.to_bytes(8, "little") for part in place))
        return digest.digest(count)

    def spawn(self, *key: int) -> "KeyedRandomness":
        """Return the independent stream named by ``key`` under this one."""
        return KeyedRandomness(self._key, (*self._path, *key))


class SeededRandomness:
    """Repeatable draws for simulations and tests; the same seed and key give the same stream.

    Args:
        seed: any non-negative whole number.
        key: the path of ``spawn`` keys that led here.

    Example:
        >>> first = SeededRandomness(7).spawn(3, 1).normal(2)
        >>> bool((first == SeededRandomness(7).spawn(3, 1).normal(2)).all())
        True
    """

    def __init__(self, seed: int, key: tuple[int, ...] = ()) -> None:
        self.seed = seed
        self.key = key
        sequence = np.random.SeedSequence(seed, spawn_key=key)
        self._generator = np.random.Generator(np.random.Philox(sequence))

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Return ``size`` draws from the uniform law on [0, 1)."""
        return self._generator.random(size)

    def normal(self, size: int) -> NDArray[np.float64]:
        """Return ``size`` standard normal draws."""
        return self._generator.standard_normal(size)

    def integers(self, size: int, *, below: int) -> NDArray[np.int64]:
        """Return ``size`` whole numbers drawn uniformly from 0 to ``below`` - 1."""
        return self._generator.integers(below, size=size)

    def spawn(self, *key: int) -> "SeededRandomness":
        """Return the independent stream named by ``key`` under this one."""
        if not all(0 <= part < 2**32 for part in key):
            # NumPy would split a larger number in two, which is another key already.
            raise ValueError(f"the key is {key}; its numbers must be from 0 to 2**32 - 1")
        return SeededRandomness(self.seed, (*self.key, *key))
