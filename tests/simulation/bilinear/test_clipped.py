"""Tests of cohort training with whole updates clipped: it is what each device would do alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.bilinear import Examples, Items, Trained, train_clipped

RATE = 0.5
SIZES = [
    {},
    {"ragged": True},
    {"repeated": True},
    {"ragged": True, "repeated": True},
    {"steps": 1},
    {"batch": 1, "d": 1},
    {"k": 2, "items": 3},
]


def train(world: Any, *, clipping_norm: float = 1.0, threads: int = 1) -> Trained:
    """Train a world."""
    return train_clipped(
        world.items,
        world.examples,
        world.weights,
        world.private_vectors,
        learning_rate=RATE,
        clipping_norm=clipping_norm,
        threads=threads,
    )


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("clipping_norm", [0.3, 1.5, 1e6])
def test_it_is_the_plain_loop(
    world: Callable[..., Any],
    clipped_plainly: Callable[..., Any],
    sizes: dict[str, Any],
    clipping_norm: float,
) -> None:
    """Summed update and private vectors are those of autograd on each device, to 1e-5."""
    cohort = world(**sizes)
    found = train(cohort, clipping_norm=clipping_norm)
    update, vectors, clipped = clipped_plainly(
        cohort, learning_rate=RATE, clipping_norm=clipping_norm
    )
    assert (clipped > 0) == (clipping_norm < 1e6)
    np.testing.assert_allclose(found.update, update, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.private_vectors, vectors, atol=1e-5, rtol=1e-5)


def test_a_device_without_examples_changes_nothing(world: Callable[..., Any]) -> None:
    """It keeps its private vector and adds no update."""
    cohort = world(ragged=True)
    first = replace(
        cohort, examples=cohort.examples.of(slice(1)), private_vectors=cohort.private_vectors[:1]
    )
    assert not train(first).update.any()
    assert (train(cohort).private_vectors[0] == cohort.private_vectors[0]).all()


def test_no_devices_is_no_update(world: Callable[..., Any]) -> None:
    """An empty cohort, which Poisson sampling may draw, gives zeros."""
    cohort = world()
    empty = replace(
        cohort, examples=cohort.examples.of(slice(0)), private_vectors=cohort.private_vectors[:0]
    )
    assert not train(empty).update.any()
    assert train(empty).private_vectors.shape == (0, 6)


def test_threads_and_blocks_do_not_matter(world: Callable[..., Any]) -> None:
    """More threads give the same bits; more devices than a block sum like their parts."""
    cohort = world(devices=230)
    found = train(cohort)
    threaded = train(cohort, threads=3)
    assert (threaded.update == found.update).all()
    assert (threaded.private_vectors == found.private_vectors).all()
    halves = [
        train(
            replace(
                cohort,
                examples=cohort.examples.of(half),
                private_vectors=cohort.private_vectors[half],
            )
        )
        for half in (slice(90), slice(90, None))
    ]
    np.testing.assert_allclose(sum(half.update for half in halves), found.update, atol=1e-4)


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
def test_a_device_moves_the_sum_no_further_than_the_norm(
    world: Callable[..., Any], seed: int, clipping_norm: float
) -> None:
    """Leaving one device out changes the sum by at most the clipping norm."""
    cohort = world(seed)
    without = replace(
        cohort, examples=cohort.examples.of(slice(6)), private_vectors=cohort.private_vectors[:6]
    )
    change = (
        train(cohort, clipping_norm=clipping_norm).update
        - train(without, clipping_norm=clipping_norm).update
    )
    assert np.linalg.norm(change) <= clipping_norm * (1 + 1e-4) + 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "learning rate is 0.0"),
        ({"clipping_norm": float("inf")}, "clipping norm is inf"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_settings_out_of_range_are_refused(
    world: Callable[..., Any], change: dict[str, Any], message: str
) -> None:
    """The setting and its value are named."""
    cohort = world()
    settings = {"learning_rate": 1.0, "clipping_norm": 1.0} | change
    with pytest.raises(ConfigurationError, match=message):
        train_clipped(
            cohort.items, cohort.examples, cohort.weights, cohort.private_vectors, **settings
        )


def test_arrays_that_do_not_fit_are_refused(world: Callable[..., Any]) -> None:
    """Both shapes are named."""
    cohort = world()
    with pytest.raises(DataError, match=r"weights have shape \(24, 6\).*must be \(25"):
        train(replace(cohort, weights=cohort.weights[1:]))
    with pytest.raises(DataError, match=r"shape \(6, 6\); 7 devices .* need \(7, 6\)"):
        train(replace(cohort, private_vectors=cohort.private_vectors[1:]))
    with pytest.raises(DataError, match="weights are float64"):
        train(replace(cohort, weights=cohort.weights.astype(np.float64)))
    with pytest.raises(DataError, match="private vectors must be finite"):
        train(replace(cohort, private_vectors=cohort.private_vectors * np.float32("nan")))
    rows = cohort.examples.rows.copy()
    rows[0, 0, 0] = 60
    with pytest.raises(DataError, match=r"rows of examples are from \d+ to 60; with 60 items"):
        train(replace(cohort, examples=replace(cohort.examples, rows=rows)))


def test_malformed_examples_and_items_are_refused(world: Callable[..., Any]) -> None:
    """Shapes that differ, rows that are no rows, labels out of range, and features not finite."""
    examples = world().examples
    with pytest.raises(DataError, match=r"\(7, 4, 5\), \(7, 4, 4\)"):
        replace(examples, labels=examples.labels[:, :, 1:])
    with pytest.raises(DataError, match=r"shape \(7, 4, 0\)"):
        Examples(examples.rows[:, :, :0], examples.labels[:, :, :0])
    with pytest.raises(DataError, match="rows of examples are float32"):
        replace(examples, rows=examples.labels)
    with pytest.raises(DataError, match="labels"):
        replace(examples, labels=examples.labels + np.float32("nan"))
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        Items.of(np.zeros(3, dtype=np.float32))
    with pytest.raises(DataError, match="finite"):
        Items.of(np.full((2, 2), np.inf, dtype=np.float32))
