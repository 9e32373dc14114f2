"""Closed-form privacy of Gaussian noise, against dp-accounting's accountants."""

import math

import numpy as np
import pytest
from dp_accounting import dp_event
from dp_accounting.pld import pld_privacy_accountant
from dp_accounting.pld import privacy_loss_distribution as pld
from dp_accounting.rdp import rdp_privacy_accountant
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import PrivacyError
from penchant.shared.gaussian import (
    gaussian_delta,
    gaussian_epsilon,
    gaussian_rho,
    joint_noise_multiplier,
)

rhos = st.floats(1e-4, 50)
deltas = st.floats(1e-12, 1e-2)


@pytest.mark.parametrize(
    ("noise_multiplier", "releases"), [(0.7, 1), (2.0, 3), (4.0, 10), (12.0, 40)]
)
def test_epsilon_is_that_of_a_privacy_loss_distribution(
    noise_multiplier: float, releases: int
) -> None:
    """Epsilon agrees to 1e-3 with dp-accounting's PLD of the same releases, which rounds up."""
    accountant = pld_privacy_accountant.PLDAccountant(value_discretization_interval=1e-4)
    accountant.compose(dp_event.GaussianDpEvent(noise_multiplier), releases)
    rho = gaussian_rho(noise_multiplier=noise_multiplier, releases=releases)
    for delta in (1e-6, 1e-9):
        found = gaussian_epsilon(rho, delta=delta)
        assert found == pytest.approx(accountant.get_epsilon(delta), rel=1e-3)


@given(rhos, deltas)
def test_epsilon_and_delta_are_each_others_inverse(rho: float, delta: float) -> None:
    """Where epsilon is above 0, delta at epsilon is the delta that was asked for."""
    epsilon = gaussian_epsilon(rho, delta=delta)
    found = gaussian_delta(rho, epsilon=epsilon)
    assert found <= delta * (1 + 1e-6)
    if epsilon > 0:
        assert found == pytest.approx(delta, rel=1e-5)


@given(rhos, rhos, deltas)
def test_more_releases_cost_more(rho: float, more: float, delta: float) -> None:
    """Epsilon never falls when rho grows, and rises when delta falls."""
    epsilon = gaussian_epsilon(rho, delta=delta)
    assert gaussian_epsilon(rho + more, delta=delta) >= epsilon
    assert gaussian_epsilon(rho, delta=delta / 10) >= epsilon


@given(st.floats(0.3, 100), st.integers(1, 50), deltas)
def test_epsilon_is_within_the_renyi_bound(
    noise_multiplier: float, releases: int, delta: float
) -> None:
    """What is exact never exceeds what dp-accounting's RDP accountant promises."""
    accountant = rdp_privacy_accountant.RdpAccountant()
    accountant.compose(dp_event.GaussianDpEvent(noise_multiplier), releases)
    rho = gaussian_rho(noise_multiplier=noise_multiplier, releases=releases)
    assert gaussian_epsilon(rho, delta=delta) <= accountant.get_epsilon(delta) + 1e-9


@pytest.mark.parametrize("rho", [1e3, 1e6, 1e12])
def test_huge_costs_do_not_overflow(rho: float) -> None:
    """Epsilon of far too little noise is a large finite number between rho and zCDP's bound."""
    epsilon = gaussian_epsilon(rho, delta=1e-6)
    assert rho < epsilon <= rho + 2 * math.sqrt(rho * math.log(1e6))


def test_no_noise_promises_nothing() -> None:
    """Without noise, or with too little to square, rho and epsilon are infinite."""
    assert gaussian_rho(noise_multiplier=0.0) == math.inf
    assert gaussian_rho(noise_multiplier=1e-200) == math.inf
    assert gaussian_rho(noise_multiplier=0.0, releases=0) == 0
    assert gaussian_epsilon(math.inf, delta=1e-6) == math.inf
    assert gaussian_delta(math.inf, epsilon=5.0) == 1
    assert gaussian_epsilon(0.0, delta=1e-6) == 0


def test_arguments_out_of_range_are_refused() -> None:
    """Negative or missing numbers are a PrivacyError that gives the number."""
    with pytest.raises(PrivacyError, match="-1"):
        gaussian_rho(noise_multiplier=-1.0)
    with pytest.raises(PrivacyError, match="nan"):
        gaussian_rho(noise_multiplier=math.nan)
    for delta in (0.0, 1.0):
        with pytest.raises(PrivacyError, match=f"delta is {delta}"):
            gaussian_epsilon(1.0, delta=delta)
    with pytest.raises(PrivacyError, match="rho is -1"):
        gaussian_epsilon(-1.0, delta=1e-6)


@given(st.lists(st.floats(0.05, 100), min_size=1, max_size=4))
def test_rho_of_the_joint_mechanism_is_the_sum(noise_multipliers: list[float]) -> None:
    """One release of the joint multiplier costs what the releases it stands for cost together."""
    joint = joint_noise_multiplier(*noise_multipliers)
    assert joint <= min(noise_multipliers) * (1 + 1e-12)
    expected = sum(gaussian_rho(noise_multiplier=sigma) for sigma in noise_multipliers)
    assert gaussian_rho(noise_multiplier=joint) == pytest.approx(expected)


def test_a_part_without_noise_leaves_the_whole_without() -> None:
    """No noise on one of them is none on the pair."""
    assert joint_noise_multiplier(4.0, 0.0) == 0.0
    assert joint_noise_multiplier(4.0) == 4.0


@pytest.mark.parametrize("pair", [(4.0, 8.0), (1.0, 2.0), (0.8, 5.0)])
def test_the_joint_mechanism_is_dp_accountings_composition(pair: tuple[float, float]) -> None:
    """Where everybody is asked, epsilon agrees with the composition of the two to 1e-3."""
    both = pld_privacy_accountant.PLDAccountant(value_discretization_interval=1e-4)
    for sigma in pair:
        both.compose(dp_event.GaussianDpEvent(sigma))
    rho = gaussian_rho(noise_multiplier=joint_noise_multiplier(*pair))
    assert gaussian_epsilon(rho, delta=1e-6) == pytest.approx(both.get_epsilon(1e-6), rel=1e-3)


@pytest.mark.parametrize("pair", [(1.0, 2.0), (0.7, 1.5)])
@pytest.mark.parametrize("q", [0.05, 0.5])
def test_one_draw_of_a_cohort_for_both_is_a_subsampled_joint_mechanism(
    pair: tuple[float, float], q: float
) -> None:
    """Update and measure share their cohort: integrated in two dimensions, delta is the PLD's.

    Without the person the two noised sums are a normal at 0, with them a mixture: at 0 with chance
    1 - q, and a step of 1 / sigma along each axis with chance q.
    """
    step = np.array([1 / sigma for sigma in pair])
    axis = np.linspace(-10, 13, 2301)
    width = axis[1] - axis[0]
    x, y = np.meshgrid(axis, axis, sparse=True)
    absent = np.exp(-(x**2 + y**2) / 2) / (2 * math.pi)
    shifted = np.exp(-((x - step[0]) ** 2 + (y - step[1]) ** 2) / 2) / (2 * math.pi)
    present = (1 - q) * absent + q * shifted
    joint = pld.from_gaussian_mechanism(
        joint_noise_multiplier(*pair), value_discretization_interval=1e-4, sampling_prob=q
    )
    for epsilon in (0.1, 0.5):
        found = max(
            np.maximum(first - math.exp(epsilon) * second, 0).sum() * width**2
            for first, second in ((present, absent), (absent, present))
        )
        assert found == pytest.approx(joint.get_delta_for_epsilon(epsilon), rel=2e-3, abs=1e-7)
