"""Tests of latent interests: they drift and switch at the stated rates, by the stated laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.simulation.datasets.synthetic import PopulationSettings
from penchant.simulation.datasets.synthetic.interests import InterestPaths, follow_interests

# Tests hold an estimate to six standard errors: a false alarm in 500 million, for each number.
ERRORS = 6
PEOPLE, TOPICS, SESSIONS = 20_000, 12, 3
SHARES = np.arange(TOPICS, 0, -1) / np.arange(TOPICS + 1).sum()


def follow(seed: int = 0, *, days: float = 15.0, **settings: object) -> InterestPaths:
    """Follow 20,000 people through three sessions, so many days apart."""
    made = PopulationSettings.model_validate({"topics": TOPICS, "interests": 4} | settings)
    return follow_interests(
        np.full(PEOPLE, SESSIONS),
        np.full(PEOPLE * SESSIONS, days),
        SHARES,
        made,
        np.random.default_rng(seed),
    )


def contrasts(paths: InterestPaths, session: int) -> NDArray[np.float64]:
    """Everybody's log w_0 - log w_1: the difference of two strengths, free of the softmax."""
    logs = np.log(paths.weights[session::SESSIONS].astype(np.float64))
    return np.asarray(logs[:, 0] - logs[:, 1])


@pytest.mark.parametrize("drift", [0.0, 0.3, 2.0])
def test_strengths_forget_at_the_stated_rate_and_keep_their_law(drift: float) -> None:
    """Over t months their correlation is exp(-drift t), and their variance stays contrast^2."""
    paths = follow(drift=drift, switches=0, contrast=0.8, days=15)
    first, second, third = (contrasts(paths, session) for session in range(3))
    for later, months in ((second, 0.5), (third, 1.0)):
        expected = np.exp(-drift * months)
        error = (1 - expected**2) / np.sqrt(PEOPLE)
        correlation = np.corrcoef(first, later)[0, 1]
        assert abs(correlation - expected) <= ERRORS * error + 1e-6
    for strengths in (first, second, third):
        variance = 2 * 0.8**2
        assert abs(strengths.var() - variance) < ERRORS * variance * np.sqrt(2 / PEOPLE)


@pytest.mark.parametrize("switches", [0.0, 0.2, 3.0])
def test_switches_happen_at_the_stated_rate(switches: float) -> None:
    """Between two sessions t months apart, with probability 1 - exp(-switches t)."""
    paths = follow(switches=switches, drift=0, days=20)
    happened = (paths.new_topics >= 0).reshape(PEOPLE, SESSIONS)
    assert not happened[:, 0].any()
    expected, gaps = 1 - np.exp(-switches * 20 / 30), PEOPLE * (SESSIONS - 1)
    error = np.sqrt(expected * (1 - expected) / gaps)
    assert abs(happened[:, 1:].mean() - expected) <= ERRORS * error


def test_switch_replaces_the_strongest_interest_by_a_new_one() -> None:
    """What is recorded is what changed: one topic, at equal strength, and nothing without one."""
    paths = follow(switches=1, drift=0, days=20)
    rows = np.arange(PEOPLE) * SESSIONS
    for session in (1, 2):
        before, after = rows + session - 1, rows + session
        np.testing.assert_array_equal(paths.weights[after], paths.weights[before])
        old, new = paths.old_topics[after], paths.new_topics[after]
        np.testing.assert_array_equal(old >= 0, new >= 0)
        strongest = paths.weights[before].argmax(axis=1)
        expected = paths.topics[before].copy()
        switched = new >= 0
        everybody = np.arange(PEOPLE)
        np.testing.assert_array_equal(old[switched], expected[everybody, strongest][switched])
        assert not (expected == new[:, None])[switched].any()
        expected[everybody[switched], strongest[switched]] = new[switched]
        np.testing.assert_array_equal(paths.topics[after], expected)


@given(st.integers(0, 10**6), st.floats(0, 5), st.floats(0, 5))
def test_interests_are_always_distinct_topics_with_weights(
    seed: int, drift: float, switches: float
) -> None:
    """In every session of people with any numbers of sessions."""
    rng = np.random.default_rng(seed)
    sessions = rng.integers(1, 9, size=30)
    settings = PopulationSettings(topics=TOPICS, interests=4, drift=drift, switches=switches)
    pauses = rng.exponential(40, size=int(sessions.sum()))
    paths = follow_interests(sessions, pauses, SHARES, settings, rng)
    ordered = np.sort(paths.topics, axis=1)
    assert (np.diff(ordered, axis=1) > 0).all()
    assert ordered.min() >= 0
    assert ordered.max() < TOPICS
    np.testing.assert_allclose(paths.weights.sum(axis=1), 1, rtol=1e-5)


def test_first_interests_are_drawn_by_topic_share() -> None:
    """With one interest a person, its topic has the law of the shares."""
    first = follow(interests=1).topics[::SESSIONS, 0]
    found = np.bincount(first, minlength=TOPICS) / PEOPLE
    assert (np.abs(found - SHARES) < ERRORS * np.sqrt(SHARES / PEOPLE)).all()
