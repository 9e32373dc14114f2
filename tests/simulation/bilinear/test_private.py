"""Tests of cohort training by DP-SGD: without noise it is the plain loop; bad input is refused.

That the noise has the right law is tested in ``test_noise`` and ``test_law``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.bilinear import Examples, Trained, train_privately

RATE = 0.5
SIZES = [
    {},
    {"ragged": True},
    {"repeated": True},
    {"ragged": True, "repeated": True},
    {"steps": 1},
    {"batch": 1, "d": 1},
    {"k": 2, "items": 3},
    {"items": 1000},
]


def train(
    world: Any, *, noise: float = 0.0, clipping_norm: float = 1.0, seed: int = 0, threads: int = 1
) -> Trained:
    """Train a world."""
    return train_privately(
        world.items,
        world.examples,
        world.weights,
        world.private_vectors,
        learning_rate=RATE,
        clipping_norm=clipping_norm,
        noise_multiplier=noise,
        rng=np.random.default_rng(seed),
        threads=threads,
    )


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("clipping_norm", [0.5, 2.0, 1e6])
@pytest.mark.parametrize("noise", [0.0, 1e-13])
def test_without_noise_it_is_the_plain_loop(
    world: Callable[..., Any],
    trained_plainly: Callable[..., Any],
    sizes: dict[str, Any],
    clipping_norm: float,
    noise: float,
) -> None:
    """Summed update and private vectors are those of autograd example by example, to 1e-5.

    So they are with noise too small to see, which goes the way of noise all the same.
    """
    cohort = world(**sizes)
    found = train(cohort, clipping_norm=clipping_norm, noise=noise)
    update, vectors, clipped = trained_plainly(
        cohort, learning_rate=RATE, clipping_norm=clipping_norm
    )
    assert (clipped > 0) == (clipping_norm < 1e6)
    np.testing.assert_allclose(found.update, update, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.private_vectors, vectors, atol=1e-5, rtol=1e-5)


def test_threads_do_not_matter(world: Callable[..., Any]) -> None:
    """The same seed gives the same bits on any number of threads, and another seed others."""
    cohort = world(devices=230)
    found, threaded, other = (
        train(cohort, noise=1.0, threads=threads, seed=seed)
        for threads, seed in ((1, 5), (3, 5), (1, 6))
    )
    assert (threaded.update == found.update).all()
    assert (threaded.private_vectors == found.private_vectors).all()
    assert not np.isclose(other.update, found.update).any()


def test_a_device_without_examples_still_steps_with_noise(world: Callable[..., Any]) -> None:
    """Its private vector takes S noises, its update is noise of the same variance a coordinate."""
    cohort = world(devices=400, ragged=True)
    examples = replace(cohort.examples, present=np.zeros(cohort.examples.rows.shape, dtype=bool))
    found = train(replace(cohort, examples=examples), noise=1.5)
    deviation = RATE / 5 * 1.5 * np.sqrt(4)
    moves = (found.private_vectors - cohort.private_vectors) / deviation
    # A mean of squares of N standard normals has standard deviation sqrt(2 / N); 5 of them pass by
    # chance once in 1.7 million.
    for scaled in (moves, found.update / deviation / np.sqrt(400)):
        assert abs(np.mean(scaled**2) - 1) < 5 * np.sqrt(2 / scaled.size)


def test_no_devices_is_no_update(world: Callable[..., Any]) -> None:
    """An empty cohort, which Poisson sampling may draw, gives zeros."""
    cohort = world()
    empty = replace(
        cohort, examples=cohort.examples.of(slice(0)), private_vectors=cohort.private_vectors[:0]
    )
    assert not train(empty, noise=1.0).update.any()


@given(seed=st.integers(0, 2**32 - 1))
def test_order_does_not_matter(world: Callable[..., Any], seed: int) -> None:
    """Devices, items and the examples of a batch may be in any order."""
    cohort = world(seed, ragged=True)
    rng = np.random.default_rng(seed)
    devices, items, places = (rng.permutation(size) for size in (7, 60, 5))
    examples = cohort.examples
    moved = replace(
        cohort,
        features=cohort.features[items],
        examples=Examples(
            np.argsort(items)[examples.rows[devices][:, :, places]],
            examples.labels[devices][:, :, places],
            examples.present[devices][:, :, places],
        ),
        private_vectors=cohort.private_vectors[devices],
    )
    found, expected = train(moved), train(cohort)
    np.testing.assert_allclose(found.update, expected.update, atol=2e-5)
    np.testing.assert_allclose(found.private_vectors, expected.private_vectors[devices], atol=2e-5)


@given(seed=st.integers(0, 2**32 - 1), clipping_norm=st.floats(1e-3, 10))
def test_an_example_moves_a_last_step_no_further_than_the_norm(
    world: Callable[..., Any], seed: int, clipping_norm: float
) -> None:
    """Without one example of the last step, weights and vector move by rate times norm at most."""
    cohort = world(seed, devices=1)
    present = np.ones(cohort.examples.rows.shape, dtype=bool)
    present[0, -1, 0] = False
    without = replace(cohort, examples=replace(cohort.examples, present=present))
    first, second = (train(each, clipping_norm=clipping_norm) for each in (cohort, without))
    change = [first.update - second.update, first.private_vectors - second.private_vectors]
    norm = np.linalg.norm(np.concatenate([part.ravel() for part in change]))
    assert norm <= RATE / 5 * clipping_norm * (1 + 1e-4) + 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": -1.0}, "learning rate is -1.0"),
        ({"clipping_norm": 0.0}, "clipping norm is 0.0"),
        ({"noise_multiplier": -0.1}, "noise multiplier is -0.1"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_settings_out_of_range_are_refused(
    world: Callable[..., Any], change: dict[str, Any], message: str
) -> None:
    """The setting and its value are named."""
    cohort = world()
    settings = {"learning_rate": 1.0, "clipping_norm": 1.0, "noise_multiplier": 1.0} | change
    with pytest.raises(ConfigurationError, match=message):
        train_privately(
            cohort.items,
            cohort.examples,
            cohort.weights,
            cohort.private_vectors,
            rng=np.random.default_rng(0),
            **settings,
        )


def test_arrays_that_do_not_fit_are_refused(world: Callable[..., Any]) -> None:
    """As by ``train_clipped``."""
    cohort = world()
    with pytest.raises(DataError, match=r"weights have shape \(24, 6\)"):
        train(replace(cohort, weights=cohort.weights[1:]))
