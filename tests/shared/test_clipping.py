"""Tests of clipping: its laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from penchant.shared.clipping import clip_to_norm
from penchant.shared.errors import PrivacyError

# A float32 has 24 bits: rounding a clipped update can move its norm by so much and no more.
ROUNDING = 1.0 + 2.0**-23

updates = arrays(
    np.float32,
    array_shapes(max_dims=2, max_side=40),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
)
norms = st.floats(1e-3, 1e3)


def norm_of(update: NDArray[np.float32]) -> float:
    """Euclidean norm, without overflow."""
    return math.sqrt(math.fsum(float(number) ** 2 for number in update.ravel()))


@given(updates, norms)
def test_norm_is_bounded(update: NDArray[np.float32], clipping_norm: float) -> None:
    """No finite update, however large, is left with a norm above the bound."""
    clipped = clip_to_norm(update, clipping_norm=clipping_norm)
    assert clipped.dtype == np.float32
    assert clipped.shape == update.shape
    assert norm_of(clipped) <= clipping_norm * ROUNDING


def test_huge_updates_of_many_numbers_are_bounded_too() -> None:
    """The factor of such an update is a float32 subnormal; the bound must not suffer from it."""
    update = np.full(1_000_000, 3e38, dtype=np.float32)
    assert norm_of(clip_to_norm(update, clipping_norm=1.0)) <= ROUNDING


@given(updates, norms)
def test_direction_is_kept(update: NDArray[np.float32], clipping_norm: float) -> None:
    """A clipped update is the update times one number from 0 to 1."""
    clipped = clip_to_norm(update, clipping_norm=clipping_norm).astype(np.float64)
    factor = min(1.0, clipping_norm / norm_of(update)) if update.any() else 1.0
    np.testing.assert_allclose(clipped, update.astype(np.float64) * factor, rtol=1e-6, atol=1e-37)


@given(updates, norms)
def test_clipping_twice_is_clipping_once(update: NDArray[np.float32], clipping_norm: float) -> None:
    """The server's second clip does not change an update that the device clipped."""
    once = clip_to_norm(update, clipping_norm=clipping_norm)
    twice = clip_to_norm(once, clipping_norm=clipping_norm)
    np.testing.assert_allclose(twice, once, rtol=2e-7, atol=1e-44)


@given(updates)
def test_an_update_that_fits_is_unchanged(update: NDArray[np.float32]) -> None:
    """An update on or within the bound comes back bit for bit; no bound changes nothing."""
    for clipping_norm in (norm_of(update) * (1 + 1e-12) + 1e-300, math.inf):
        clipped = clip_to_norm(update, clipping_norm=clipping_norm)
        assert clipped.tobytes() == update.tobytes()


def test_the_argument_is_not_changed() -> None:
    """Clipping returns a new array: the caller may still need the whole update."""
    update = np.array([3.0, 4.0], dtype=np.float32)
    clip_to_norm(update, clipping_norm=1.0)
    assert update.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("clipping_norm", [0.0, -1.0, math.nan, -math.inf])
def test_norms_that_bound_nothing_are_refused(clipping_norm: float) -> None:
    """A bound that is not above 0 is an error that names it."""
    with pytest.raises(PrivacyError, match=f"clipping_norm is {clipping_norm}"):
        clip_to_norm(np.ones(2, dtype=np.float32), clipping_norm=clipping_norm)
