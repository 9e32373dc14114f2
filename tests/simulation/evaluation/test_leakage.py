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


@given(st.integers(1, 2000), st.floats(0.01, 0.9), st.floats(0, 0.2), st.floats(1e-9, 0.1))
def test_false_alarms_are_rarer_than_stated(
    people: int, at_chance: float, margin: float, rate: float
) -> None:
    """A control at the highest innocent rate exceeds the threshold at most as often as stated."""
    threshold = leak_threshold(
        people=people, chance=at_chance, margin=margin, false_alarm_rate=rate
    )
    innocent = min(1.0, at_chance + margin)
    assert binom.sf(threshold - 1, people, innocent) <= rate or threshold == people + 1


@given(st.integers(1, 60), st.floats(0.05, 0.95))
def test_measured_similarity_keeps_the_false_alarm_rate(people: int, rate: float) -> None:
    """The rate holds though similarity is itself measured: exactly, over both measurements.

    Control and similarity both hit with the same probability here, independently; the rate is
    summed over every number of hits that similarity may have.
    """
    stated = 0.01
    alarms = sum(
        binom.pmf(similar, people, rate)
        * binom.sf(
            leak_threshold(
                people=people,
                chance=0.01,
                similarity_hits=similar,
                margin=0.0,
                false_alarm_rate=stated,
            )
            - 1,
            people,
            rate,
        )
        for similar in range(people + 1)
    )
    assert alarms <= stated


def test_planted_leak_is_caught_and_plain_control_is_not() -> None:
    """The case in DESIGN.md: 943 people, 1.00 under the leak, a little above chance without."""
    at_chance = chance(k=10, candidates=100)
    assert leak_suspected(943, 943, chance=at_chance)
    assert not leak_suspected(0.14 * 943, 943, chance=at_chance)
    # Text similarity alone hits a quarter on MovieLens-100K; a control may do as well.
    assert not leak_suspected(0.28 * 943, 943, chance=at_chance, similarity_hits=239)
    assert leak_suspected(0.28 * 943, 943, chance=at_chance)
    assert leak_suspected(0.6 * 943, 943, chance=at_chance, similarity_hits=239)


def test_too_few_people_are_never_suspicious() -> None:
    """Five of five hits are no proof at one false alarm in a million."""
    assert not leak_suspected(5, 5, chance=0.1)


def test_perfect_similarity_leaves_nothing_to_suspect() -> None:
    """If similarity alone always hits, so may the control."""
    assert not leak_suspected(100, 100, chance=0.1, similarity_hits=100)


@pytest.mark.parametrize(
    "changes",
    [
        {"people": 0},
        {"chance": 0.0},
        {"chance": 1.5},
        {"false_alarm_rate": 0.0},
        {"similarity_hits": 11},
        {"margin": -0.1},
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
