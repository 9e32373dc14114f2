"""Tests of the leak check: it stays silent without a leak and speaks up with one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from penchant.shared.errors import ConfigurationError
from penchant.simulation.evaluation import chance, leak_suspected, leak_threshold


@given(st.integers(1, 50), st.integers(1, 50))
def test_chance_is_k_in_candidates(k: int, candidates: int) -> None:
    """HR@k of a random order is the share of places that count."""
    assert chance(k=k, candidates=candidates) == min(k, candidates) / candidates


@given(st.integers(1, 2000), st.floats(0.01, 0.9), st.floats(1e-9, 0.1))
def test_false_alarms_are_rarer_than_stated(people: int, at_chance: float, rate: float) -> None:
    """A control at chance reaches the threshold at most as often as stated."""
    threshold = leak_threshold(people=people, chance=at_chance, false_alarm_rate=rate)
    assert binom.sf(threshold - 1, people, at_chance) <= rate or threshold == people + 1


def test_planted_leak_is_caught_and_chance_is_not() -> None:
    """The case in DESIGN.md: a hit rate of 1.00 under the leak, chance without."""
    assert leak_suspected(100, 100, chance=0.1)
    assert leak_suspected(40, 100, chance=0.1)
    assert not leak_suspected(15, 100, chance=0.1)


def test_too_few_people_are_never_suspicious() -> None:
    """Five of five hits are no proof at one false alarm in a million."""
    assert not leak_suspected(5, 5, chance=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"people": 0},
        {"chance": 0.0},
        {"chance": 1.5},
        {"false_alarm_rate": 0.0},
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, float]) -> None:
    """Probabilities outside their range and counts that do not fit are errors."""
    settings = {"people": 10, "chance": 0.1} | changes
    with pytest.raises(ConfigurationError, match="got"):
        leak_threshold(**settings)  # type: ignore[arg-type]


def test_chance_of_no_candidates_is_refused() -> None:
    """Without a candidate there is no rate."""
    with pytest.raises(ConfigurationError, match="got 10 and 0"):
        chance(k=10, candidates=0)
