"""Tests of the server optimisers, against their algorithms written out."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.server.optimiser import Moments, ServerOptimiser
from penchant.server.settings import OptimiserSettings
from penchant.shared.contract import LearningRates
from penchant.shared.ranker import Preset, RankerSettings

SHAPE = RankerSettings(preset=Preset.FULL, items=3, features=2, dimension=2, history_length=2)
RATES = LearningRates(
    private_vector=9.0,
    item_projection=0.1,
    context_projection=0.2,
    attention=0.3,
    popularity=0.4,
    item_residual=0.5,
)
RATE_OF_NUMBER = np.repeat([0.1, 0.2, 0.3, 0.4, 0.5], [4, 4, 2 + 9 + 1, 3, 6])


def optimiser(*, rounds: int = 5, **settings: Any) -> ServerOptimiser:
    """An optimiser of the small ranker."""
    made = OptimiserSettings.model_validate({"rates": RATES} | settings)
    return ServerOptimiser(made, SHAPE, rounds=rounds)


@pytest.fixture
def updates() -> NDArray[np.float32]:
    """A mean update for each of five rounds."""
    return np.random.default_rng(3).normal(size=(5, SHAPE.size)).astype(np.float32)


def test_fedavg_steps_by_the_mean_at_each_group_s_rate(updates: NDArray[np.float32]) -> None:
    """FedAvg moves the ranker by rate x mean update and remembers nothing."""
    moments = Moments.zero(SHAPE.size)
    for number, update in enumerate(updates, start=1):
        step, moments = optimiser(name="fedavg").step(update, moments, round_number=number)
        assert step.dtype == np.float32
        np.testing.assert_allclose(step, update * RATE_OF_NUMBER, rtol=1e-6)
        assert not moments.first.any()
        assert not moments.second.any()


@pytest.mark.parametrize(("beta_1", "beta_2", "tau"), [(0.9, 0.99, 1e-8), (0.5, 0.9, 0.1)])
def test_fedadam_is_its_algorithm(
    updates: NDArray[np.float32], beta_1: float, beta_2: float, tau: float
) -> None:
    """FedAdam is algorithm 2 of Reddi et al. (2021) with Flower's bias correction.

    Flower corrects as Kingma & Ba (2014, before section 2.1) with t + 1 for round t.
    """
    chosen = optimiser(beta_1=beta_1, beta_2=beta_2, tau=tau)
    moments = Moments.zero(SHAPE.size)
    first, second = np.zeros(SHAPE.size), np.zeros(SHAPE.size)
    for number, update in enumerate(updates.astype(np.float64), start=1):
        first = beta_1 * first + (1 - beta_1) * update
        second = beta_2 * second + (1 - beta_2) * update**2
        correction = np.sqrt(1 - beta_2 ** (number + 1)) / (1 - beta_1 ** (number + 1))
        expected = RATE_OF_NUMBER * correction * first / (np.sqrt(second) + tau)
        step, moments = chosen.step(update.astype(np.float32), moments, round_number=number)
        np.testing.assert_allclose(step, expected, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(moments.first, first, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(moments.second, second, rtol=1e-4, atol=1e-9)
        assert step.dtype == moments.first.dtype == moments.second.dtype == np.float32


@pytest.mark.parametrize("name", ["fedavg", "fedadam"])
def test_state_is_all_in_the_moments(updates: NDArray[np.float32], name: str) -> None:
    """A new optimiser given the moments goes on exactly as the old one would have."""
    kept = optimiser(name=name)
    moments = resumed = Moments.zero(SHAPE.size)
    for number, update in enumerate(updates, start=1):
        step, moments = kept.step(update, moments, round_number=number)
        again, resumed = optimiser(name=name).step(
            update, Moments(resumed.first.copy(), resumed.second.copy()), round_number=number
        )
        assert step.tobytes() == again.tobytes()
        assert moments.first.tobytes() == resumed.first.tobytes()
        assert moments.second.tobytes() == resumed.second.tobytes()


def test_a_step_leaves_its_arguments_alone(updates: NDArray[np.float32]) -> None:
    """State in, state out: the moments and the update given are not changed."""
    moments = Moments(updates[1].copy(), updates[2] ** 2)
    update = updates[0].copy()
    optimiser().step(update, moments, round_number=2)
    assert (update == updates[0]).all()
    assert (moments.first == updates[1]).all()
    assert (moments.second == updates[2] ** 2).all()


def test_rates_fall_linearly_to_the_final_share(updates: NDArray[np.float32]) -> None:
    """The first round steps at the full rate, the last at ``final_rate`` of it."""
    chosen = optimiser(name="fedavg", final_rate=0.2, rounds=5)
    moments = Moments.zero(SHAPE.size)
    shares = []
    for number in range(1, 6):
        step, _ = chosen.step(updates[0], moments, round_number=number)
        shares.append(float(np.median(step / (updates[0] * RATE_OF_NUMBER))))
    np.testing.assert_allclose(shares, [1.0, 0.8, 0.6, 0.4, 0.2], rtol=1e-5)


def test_a_single_round_steps_at_the_full_rate(updates: NDArray[np.float32]) -> None:
    """With one round there is nothing to fall over."""
    chosen = optimiser(name="fedavg", final_rate=0.0, rounds=1)
    step, _ = chosen.step(updates[0], Moments.zero(SHAPE.size), round_number=1)
    np.testing.assert_allclose(step, updates[0] * RATE_OF_NUMBER, rtol=1e-6)


def test_a_zero_update_moves_nothing() -> None:
    """Without an update and without a past, FedAdam stands still, and is finite."""
    zero = np.zeros(SHAPE.size, dtype=np.float32)
    step, moments = optimiser().step(zero, Moments.zero(SHAPE.size), round_number=1)
    assert not step.any()
    assert not moments.first.any()
