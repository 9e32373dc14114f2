"""Tests of robust aggregation: what a poisoned minority can do to a round."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats

from penchant.server import robust
from penchant.server.aggregation import UpdateSum
from penchant.server.robust import HeldUpdates, require_room
from penchant.server.settings import OptimiserSettings, RoundSettings
from penchant.shared.contract import LearningRates, LocalTraining
from penchant.shared.errors import RoundError

SIZE, HONEST, POISONED = 40, 15, 5
RATES = LearningRates(**dict.fromkeys(LearningRates.model_fields, 1.0))
Vector = NDArray[np.float32]


def settings(**changes: Any) -> RoundSettings:
    """Settings of rounds of twenty, some of them changed."""
    fields: dict[str, Any] = {
        "rounds": 1,
        "population": 20,
        "sampling_probability": 1.0,
        "minimum_cohort": 20,
        "training": LocalTraining(steps=1, examples=1, negatives=1, rates=RATES, clipping_norm=1.0),
        "optimiser": OptimiserSettings(name="fedavg", rates=RATES),
    }
    return RoundSettings.model_validate(fields | changes)


ROBUST: list[dict[str, Any]] = [
    {"aggregation": "trimmed-mean", "trimmed_share": 0.25},
    {"aggregation": "krum", "assumed_malicious": POISONED},
]


def unit(numbers: NDArray[np.float64]) -> Vector:
    """A vector of norm 1."""
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)


def robust_mean(updates: list[Vector], chosen: RoundSettings) -> Vector:
    """What a round makes of updates."""
    held = HeldUpdates(chosen)
    for update in updates:
        held.add(update)
    assert held.count == len(updates)
    return held.mean()


def plain_mean(updates: list[Vector]) -> Vector:
    """The mean of clipped updates."""
    total = UpdateSum(SIZE, clipping_norm=1.0)
    for update in updates:
        total.add(update)
    return total.mean()


@pytest.mark.parametrize("changes", ROBUST, ids=lambda changes: str(changes["aggregation"]))
def test_a_poisoned_minority_moves_the_mean_and_not_the_robust_one(changes: dict[str, Any]) -> None:
    """A quarter of a round pushes against the others at the full norm: only the mean gives way."""
    rng = np.random.default_rng(3)
    wanted = unit(rng.normal(size=SIZE))
    honest = [unit(wanted + rng.normal(scale=0.03, size=SIZE)) for _ in range(HONEST)]
    attack = unit(-wanted + 0.05 * rng.normal(size=SIZE))
    poisoned = [attack] * POISONED
    clean = plain_mean(honest)
    moved = np.linalg.norm(plain_mean(honest + poisoned) - clean)
    resisted = np.linalg.norm(robust_mean(honest + poisoned, settings(**changes)) - clean)
    assert moved > 0.45
    assert resisted < 0.25
    assert resisted < moved / 2


@given(
    st.integers(0, 10**6),
    st.integers(0, POISONED),
    st.floats(0, 1, width=32),
)
def test_a_trimmed_mean_lies_among_honest_numbers(seed: int, bad: int, scale: float) -> None:
    """With no more attackers than are trimmed, each number is between two honest ones (Yin, 2018).

    And it is the trimmed mean that SciPy computes.
    """
    rng = np.random.default_rng(seed)
    honest = [unit(rng.normal(size=SIZE)) for _ in range(20 - bad)]
    poisoned = [np.float32(scale) * unit(rng.normal(size=SIZE)) for _ in range(bad)]
    updates = honest + poisoned
    found = robust_mean(updates, settings(**ROBUST[0]))
    assert (found >= np.min(honest, axis=0) - 1e-6).all()
    assert (found <= np.max(honest, axis=0) + 1e-6).all()
    np.testing.assert_allclose(found, stats.trim_mean(updates, 0.25), rtol=0, atol=1e-6)
    order = rng.permutation(len(updates))
    again = robust_mean([updates[number] for number in order], settings(**ROBUST[0]))
    np.testing.assert_allclose(again, found, rtol=0, atol=1e-6)


@given(st.integers(0, 10**6))
def test_krum_gives_one_of_the_updates_and_not_a_far_one(seed: int) -> None:
    """The one chosen is an honest one where those are close together (Blanchard et al., 2017)."""
    rng = np.random.default_rng(seed)
    centre = 0.5 * unit(rng.normal(size=SIZE))
    honest = [(centre + rng.normal(scale=0.01, size=SIZE)).astype(np.float32) for _ in range(15)]
    poisoned = [unit(rng.normal(size=SIZE)) for _ in range(POISONED)]
    found = robust_mean(poisoned + honest, settings(**ROBUST[1]))
    assert any(np.array_equal(found, update) for update in honest)


@pytest.mark.parametrize("changes", ROBUST, ids=lambda changes: str(changes["aggregation"]))
def test_updates_are_clipped_again(changes: dict[str, Any]) -> None:
    """A norm bound holds always, whatever the aggregation."""
    updates = [np.full(SIZE, 100.0, dtype=np.float32)] * 20
    assert np.linalg.norm(robust_mean(updates, settings(**changes))) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("changes", ROBUST, ids=lambda changes: str(changes["aggregation"]))
def test_noise_and_robust_aggregation_are_refused_together(changes: dict[str, Any]) -> None:
    """The error says why, and names secure aggregation, which it excludes as well."""
    with pytest.raises(ValidationError, match=r"noise_multiplier is 1\.0.*secure aggregation"):
        settings(noise_multiplier=1.0, **changes)


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"aggregation": "krum", "assumed_malicious": 5, "minimum_cohort": 12}, 13),
        ({"aggregation": "trimmed-mean", "trimmed_share": 0.2, "minimum_cohort": 4}, 5),
    ],
)
def test_rounds_too_small_to_withstand_anything_are_refused(
    changes: dict[str, Any], least: int
) -> None:
    """Krum needs 2 f + 3 updates, and a trimmed mean something to trim."""
    with pytest.raises(ValidationError, match=rf"fewer than {least} updates"):
        settings(**changes)
    assert settings(**changes | {"minimum_cohort": least})


def test_updates_that_do_not_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how much would be held; a sum holds nothing."""
    monkeypatch.setattr(robust, "MOST_BYTES", 4 * SIZE * 20 - 1)
    with pytest.raises(RoundError, match=r"up to 20 of 40 numbers"):
        require_room(settings(**ROBUST[0]), size=SIZE)
    require_room(settings(), size=SIZE)
