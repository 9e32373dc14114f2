"""A round's measures: exact without noise, and with it as uncertain as is said."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from penchant.server.measures import Measured, MeasureSum, pooled
from penchant.shared.errors import RoundError
from penchant.shared.randomness import SeededRandomness, SystemRandomness

SCALE = 1 / math.sqrt(3)
values = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


def measure(hits: float, gains: float) -> NDArray[np.float32]:
    """A device's measure, of HR and of the NDCG that goes with it."""
    return (np.array([hits, hits * gains, 1.0]) * SCALE).astype(np.float32)


def summed(measures: Iterable[NDArray[np.float32]]) -> MeasureSum:
    """The sum of measures."""
    total = MeasureSum()
    for one in measures:
        total.add(one)
    return total


@given(values, st.integers(0, 10))
def test_without_noise_they_are_the_exact_means(
    told: list[tuple[float, float]], silent: int
) -> None:
    """Means over the devices that had something to measure; those that had not do not count."""
    measures = [measure(*one) for one in told] + [np.zeros(3, dtype=np.float32)] * silent
    found = summed(measures).measured(noise_multiplier=0.0, randomness=SeededRandomness(0))
    assert found.devices == pytest.approx(len(told), rel=1e-6)
    assert found.deviation == 0
    assert found.hit_rate is not None
    assert found.ndcg is not None
    assert found.hit_rate.mean == pytest.approx(np.mean([h for h, _ in told]), abs=1e-6)
    assert found.ndcg.mean == pytest.approx(np.mean([h * g for h, g in told]), abs=1e-6)


@given(st.lists(arrays(np.float32, 3, elements=st.floats(-1e6, 1e6, width=32)), max_size=20))
def test_no_device_moves_the_sum_by_more_than_one(told: list[NDArray[np.float32]]) -> None:
    """Whatever it sends, it is clipped again to norm 1: what the noise is calibrated for."""
    rest = summed(told).measured(noise_multiplier=0.0, randomness=SeededRandomness(0))
    for one in told:
        without = summed(told)
        without.add(one)
        more = without.measured(noise_multiplier=0.0, randomness=SeededRandomness(0))
        moved = [more.hits - rest.hits, more.gains - rest.gains, more.devices - rest.devices]
        assert np.linalg.norm(moved) * SCALE <= 1 + 1e-6


def test_sums_of_several_devices_are_bounded_too() -> None:
    """A block cannot be longer than its devices' measures can make it, nor not finite."""
    total = MeasureSum()
    total.add_total(np.array([0.5, 0.5, 1.8]), count=2)
    for bad in ([0.0, 0.0, 2.1], [math.nan, 0.0, 0.0], [math.inf, 0.0, 0.0]):
        with pytest.raises(RoundError, match="add up to at most"):
            total.add_total(np.array(bad), count=2)
    found = total.measured(noise_multiplier=0.0, randomness=SeededRandomness(0))
    assert found.devices == pytest.approx(1.8 * math.sqrt(3))


@pytest.mark.parametrize(
    "randomness", [SeededRandomness(5), SystemRandomness()], ids=["seeded", "os"]
)
def test_the_noise_has_the_deviation_that_is_said(
    randomness: SeededRandomness | SystemRandomness,
) -> None:
    """Over 2,000 rounds the three sums vary by (sigma sqrt(3))^2, and are not correlated.

    Of 6,000 normals the sum of squares over the variance is chi-squared with 6,000 degrees of
    freedom, close to normal with deviation sqrt(12,000): six of them is a false alarm with
    probability below 1e-8, also where the randomness is the operating system's. A correlation of
    2,000 pairs has deviation 1 / sqrt(2,000).
    """
    total = summed(measure(0.5, 0.5) for _ in range(40))
    exact = total.measured(noise_multiplier=0.0, randomness=randomness)
    draws = [total.measured(noise_multiplier=8.0, randomness=randomness) for _ in range(2000)]
    deviation = draws[0].deviation
    assert deviation == pytest.approx(8 * math.sqrt(3))
    off = np.array(
        [[d.hits - exact.hits, d.gains - exact.gains, d.devices - exact.devices] for d in draws]
    )
    squares = float(((off / deviation) ** 2).sum())
    assert abs(squares - off.size) < 6 * math.sqrt(2 * off.size)
    correlations = np.corrcoef(off.T)[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 6 / math.sqrt(len(draws))


def test_the_standard_error_covers_what_noise_and_chance_do() -> None:
    """500 devices, each a hit or none: 95 % of 400 rounds are within 1.96 errors.

    Hits are the values of most variance for their mean, so that the error is exact for them; a
    binomial count of 400 at 0.95 is below 361 or above 395 with probability below 1e-3 (seed 8).
    """
    rng, randomness = np.random.default_rng(8), SeededRandomness(8)
    covered, rounds, truth = 0, 400, 0.15
    for _ in range(rounds):
        found = summed(
            measure(hit, 0.5) for hit in (rng.random(500) < truth).astype(float)
        ).measured(noise_multiplier=8.0, randomness=randomness)
        assert found.hit_rate is not None
        covered += abs(found.hits / found.devices - truth) <= 1.96 * found.hit_rate.error
    assert 361 <= covered <= 395


def test_too_few_devices_make_no_figure() -> None:
    """Where the noised count is within three deviations of nothing, or nobody measured."""
    assert Measured(3.0, 2.0, 30.0, deviation=10.0).hit_rate is None
    assert Measured(3.0, 2.0, 30.1, deviation=10.0).hit_rate is not None
    assert Measured(0.0, 0.0, 0.0, deviation=0.0).hit_rate is None
    assert Measured(3.0, 2.0, -4.0, deviation=0.0).ndcg is None


def test_figures_stay_between_nought_and_one() -> None:
    """Noise can carry a sum below 0 or above the count; what is shown is a rate."""
    low = Measured(-9.0, -9.0, 100.0, deviation=10.0)
    high = Measured(109.0, 109.0, 100.0, deviation=10.0)
    assert low.hit_rate is not None
    assert high.ndcg is not None
    assert (low.hit_rate.mean, high.ndcg.mean) == (0.0, 1.0)
    assert low.hit_rate.error == pytest.approx(0.1)
    assert high.ndcg.error == pytest.approx(math.sqrt(2) / 10)


def test_rounds_together_say_more_than_each() -> None:
    """Sums add up and so do the variances of their noise; four rounds halve the error."""
    one = Measured(30.0, 15.0, 300.0, deviation=14.0)
    found = pooled([one] * 4)
    assert found == Measured(120.0, 60.0, 1200.0, deviation=28.0)
    assert found.hit_rate is not None
    assert one.hit_rate is not None
    assert found.hit_rate.mean == one.hit_rate.mean
    assert found.hit_rate.error == pytest.approx(one.hit_rate.error / 2)
    assert pooled([]) == Measured(0.0, 0.0, 0.0, 0.0)
