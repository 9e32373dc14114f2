"""Tests of the running sum of updates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from penchant.server.aggregation import UpdateSum
from penchant.shared.clipping import clip_to_norm
from penchant.shared.randomness import SeededRandomness

FALSE_ALARM = 1e-6

cohorts = st.lists(
    arrays(np.float32, 5, elements=st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=20
)


@given(cohorts)
def test_mean_is_that_of_the_clipped_updates(updates: list[NDArray[np.float32]]) -> None:
    """Each update counts once, clipped, whatever its size: equal weights."""
    total = UpdateSum(5, clipping_norm=1.0)
    for update in updates:
        total.add(update)
    clipped = [clip_to_norm(update, clipping_norm=1.0).astype(np.float64) for update in updates]
    assert total.count == len(updates)
    mean = total.mean()
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, np.mean(clipped, axis=0), rtol=1e-6, atol=1e-9)
    assert np.linalg.norm(mean) <= 1 + 1e-6


def test_one_device_cannot_move_the_sum_by_more_than_the_norm() -> None:
    """An update a billion times too long moves the sum by exactly the clipping norm."""
    honest, alone = UpdateSum(3, clipping_norm=0.5), UpdateSum(3, clipping_norm=0.5)
    small = np.array([0.1, 0.0, 0.0], dtype=np.float32)
    honest.add(small)
    alone.add(small)
    honest.add(np.array([0.0, 1e9, 0.0], dtype=np.float32))
    moved = honest.mean() * 2 - alone.mean()
    np.testing.assert_allclose(moved, [0.0, 0.5, 0.0], atol=1e-7)


def test_without_a_norm_updates_are_added_as_they_are() -> None:
    """No bound means none."""
    total = UpdateSum(2, clipping_norm=None)
    total.add(np.array([30.0, 40.0], dtype=np.float32))
    total.add(np.array([0.0, 2.0], dtype=np.float32))
    assert total.mean().tolist() == [15.0, 21.0]


def test_sums_are_kept_in_double_precision() -> None:
    """Small updates are not lost beside large ones: float32 would drop them."""
    total = UpdateSum(1, clipping_norm=None)
    total.add(np.array([2.0**25], dtype=np.float32))
    for _ in range(7):
        total.add(np.array([1.0], dtype=np.float32))
    assert total.mean()[0] * 8 == 2.0**25 + 8  # float32's neighbour of 2**25 + 7


def test_adding_does_not_change_or_keep_the_update() -> None:
    """The caller's array stays its own."""
    total = UpdateSum(2, clipping_norm=1.0)
    update = np.array([3.0, 4.0], dtype=np.float32)
    total.add(update)
    assert update.tolist() == [3.0, 4.0]
    update[:] = 0
    np.testing.assert_allclose(total.mean(), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(("noise_multiplier", "norm", "expected"), [(4.0, 1.0, 50.0), (0.7, 3, 8)])
def test_noise_has_the_stated_size(noise_multiplier: float, norm: float, expected: float) -> None:
    """Noise is normal with deviation noise multiplier x norm / expected cohort, on every number.

    A right one fails for fewer than one seed in a million.
    """
    size = 20_000
    total = UpdateSum(size, clipping_norm=norm)
    update = np.zeros(size, dtype=np.float32)
    update[0] = 1e6
    for _ in range(3):
        total.add(update)
    noised = total.private_mean(
        noise_multiplier=noise_multiplier, expected_count=expected, randomness=SeededRandomness(4)
    ).astype(np.float64)
    noised[0] -= 3 * norm / expected
    deviation = noise_multiplier * norm / expected
    assert stats.kstest(noised / deviation, "norm").pvalue > FALSE_ALARM


def test_the_denominator_is_public() -> None:
    """The noised sum is divided by the expected cohort, never by how many really answered."""

    def noised(count: int) -> NDArray[np.float32]:
        total = UpdateSum(3, clipping_norm=1.0)
        for _ in range(count):
            total.add(np.array([0.5, 0.0, 0.0], dtype=np.float32))
        return total.private_mean(
            noise_multiplier=1.0, expected_count=10.0, randomness=SeededRandomness(4)
        )

    np.testing.assert_allclose(noised(7) - noised(6), [0.05, 0.0, 0.0], atol=1e-6)
    assert np.isfinite(noised(0)).all()


def test_noise_without_a_norm_is_refused() -> None:
    """Without a bound no noise protects anybody."""
    with pytest.raises(ValueError, match="clipping norm"):
        UpdateSum(3, clipping_norm=None).private_mean(
            noise_multiplier=1.0, expected_count=1.0, randomness=SeededRandomness(4)
        )
