"""The streams of many devices at once: those that ``SeededRandomness.spawn`` names, made together.

Making one stream costs more than what a device draws from it. The keys of NumPy's ``Philox`` are
hashed from a seed and a path by ``SeedSequence`` (O'Neill, 2015, "Developing a seed_seq
alternative"), with whole-number arithmetic that an array of paths can go through together; NumPy
promises that the hash does not change (NEP 19), and a test holds this one to it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["philox_keys", "seeded_generators"]

UInt32Array = NDArray[np.uint32]

POOL = 4
INIT_A, MULT_A = 0x43B0D7E5, 0x931E8875
INIT_B, MULT_B = 0x8B51F9DD, 0x58F38DED
MIX_LEFT, MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
SHIFT = np.uint32(16)


def philox_keys(seed: int, paths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the Philox keys of ``SeedSequence(seed, spawn_key=path)``, uint64 (n, 2).

    Args:
        seed: at least 0.
        paths: int64 (n, p), p at least 1, numbers from 0 to 2**32 - 1.
    """
    words = [np.uint32(seed >> shift & 0xFFFFFFFF) for shift in range(0, seed.bit_length(), 32)]
    words += [np.uint32(0)] * (POOL - len(words))
    entropy = [np.full(len(paths), word) for word in words] + list(paths.astype(np.uint32).T)
    constants = _powers(INIT_A, MULT_A)
    pool = [_hashed(word, constants) for word in entropy[:POOL]]
    for source in range(POOL):
        for target in range(POOL):
            if source != target:
                pool[target] = _mixed(pool[target], _hashed(pool[source], constants))
    for word in entropy[POOL:]:
        for target in range(POOL):
            pool[target] = _mixed(pool[target], _hashed(word, constants))
    constants = _powers(INIT_B, MULT_B)
    state = np.stack([_hashed(word, constants) for word in pool], axis=1)
    return np.ascontiguousarray(state, dtype="<u4").view("<u8").astype(np.uint64)


def seeded_generators(seed: int, paths: NDArray[np.int64]) -> Iterator[np.random.Generator]:
    """Yield the generator of each path's stream; each is good until the next is asked for.

    Args:
        seed: at least 0.
        paths: as for ``philox_keys``.
    """
    bits = np.random.Philox(0)
    generator = np.random.Generator(bits)
    state = bits.state
    for key in philox_keys(seed, paths):
        state["state"]["key"] = key
        bits.state = state
        yield generator


def _powers(start: int, factor: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """Yield the hash's running constant, before and after each multiplication."""
    while True:
        after = start * factor & 0xFFFFFFFF
        yield np.uint32(start), np.uint32(after)
        start = after


def _hashed(value: UInt32Array, constants: Iterator[tuple[np.uint32, np.uint32]]) -> UInt32Array:
    before, after = next(constants)
    value = (value ^ before) * after
    hashed: UInt32Array = value ^ (value >> SHIFT)
    return hashed


def _mixed(left: UInt32Array, right: UInt32Array) -> UInt32Array:
    value = MIX_LEFT * left - MIX_RIGHT * right
    mixed: UInt32Array = value ^ (value >> SHIFT)
    return mixed
