"""Streams made together are those made one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.randomness import SeededRandomness
from penchant.simulation.cohort.streams import philox_keys, seeded_generators

numbers = st.integers(0, 2**32 - 1)


@given(
    seed=st.integers(0, 2**200),
    paths=st.integers(1, 6).flatmap(
        lambda p: st.lists(st.lists(numbers, min_size=p, max_size=p), min_size=1, max_size=5)
    ),
)
def test_keys_are_those_of_numpy(seed: int, paths: list[list[int]]) -> None:
    """Whatever the seed and the path, the key is the one that SeedSequence gives Philox."""
    expected = [
        np.random.SeedSequence(seed, spawn_key=tuple(path)).generate_state(2, np.uint64)
        for path in paths
    ]
    np.testing.assert_array_equal(philox_keys(seed, np.array(paths)), np.stack(expected))


def test_draws_are_those_of_spawned_streams() -> None:
    """Uniform numbers and whole numbers, in turns, are what each device's own stream gives."""
    devices = np.array([3, 900_000, 0])
    paths = np.column_stack([np.full(3, 1), devices, np.full(3, 17)])
    for device, generator in zip(devices, seeded_generators(5, paths), strict=True):
        own = SeededRandomness(5).spawn(1).spawn(int(device)).spawn(17)
        np.testing.assert_array_equal(generator.integers(7, size=3), own.integers(3, below=7))
        np.testing.assert_array_equal(generator.random(5), own.uniform(5))
        np.testing.assert_array_equal(generator.integers(1682, size=9), own.integers(9, below=1682))
