"""Tests of generated people: their events, sessions, noise and focus."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.simulation.datasets.synthetic import PopulationSettings
from penchant.simulation.datasets.synthetic.choices import NO_TOPIC, ItemChoices
from penchant.simulation.datasets.synthetic.items import Items
from penchant.simulation.datasets.synthetic.people import (
    CHUNK,
    SESSION_LIMIT,
    People,
    generate_people,
)

ERRORS = 6  # standard errors an estimate is held to: a false alarm in 500 million, each


def people_of(*, chunk: int = 0, **fields: Any) -> People:
    """Return a chunk of people over a small catalogue."""
    settings = PopulationSettings.model_validate({"items": 2000, "events": 15} | fields)
    items = Items.of(settings)
    return generate_people(chunk, settings=settings, items=items, choices=ItemChoices.of(items))


def gaps(people: People) -> NDArray[np.int64]:
    """Seconds between two successive events of the same person."""
    own = np.ones(len(people.times), dtype=np.bool_)
    own[np.cumsum(people.counts) - people.counts] = False
    return np.diff(people.times, prepend=0)[own]


def histories(people: People) -> Iterator[slice]:
    """Each person's events."""
    ends = np.cumsum(people.counts)
    yield from (slice(end - count, end) for end, count in zip(ends, people.counts, strict=True))


def test_numbers_of_events_have_the_mean_asked_for_and_heavy_tails() -> None:
    """The mean within six errors; the fewest are kept; mean and maximum far above the median."""
    counts = people_of(events=40, fewest=8, most=900, spread=1.0).counts
    assert counts.min() >= 8
    assert abs(counts.mean() - 40) < ERRORS * counts.std() / np.sqrt(CHUNK)
    assert counts.mean() > 1.3 * np.median(counts)
    assert counts.max() > 10 * np.median(counts)


def test_no_spread_gives_everybody_the_mean_and_most_is_a_limit() -> None:
    """The two ends of the law."""
    assert (people_of(spread=0).counts == 15).all()
    assert people_of(most=20).counts.max() == 20
    assert people_of(items=200, events=90, fewest=80).counts.max() == 100


@pytest.mark.parametrize("session", [1, 4])
def test_sessions_have_the_length_asked_for(session: float) -> None:
    """An event opens a session with probability 1 / session, and nothing else makes a long gap."""
    waits = gaps(people_of(session=session))
    assert (waits >= 0).all()
    opening = (waits > SESSION_LIMIT).mean()
    expected = 1 / session
    assert abs(opening - expected) <= ERRORS * np.sqrt(expected * (1 - expected) / len(waits))


def test_gaps_and_paces_have_their_medians() -> None:
    """The sample median of N log-normal waits has an error of 1.2533 spread / sqrt(N)."""
    waits = gaps(people_of(gap=3, gap_spread=0.5, pace=50))
    days = (waits[waits > SESSION_LIMIT] - SESSION_LIMIT - 1) / 86_400
    seconds = waits[waits <= SESSION_LIMIT]
    for sample, median, spread in ((days, 3, 0.5), (seconds, 50, 1.0)):
        error = 1.2533 * spread / np.sqrt(len(sample))
        # Half a second is the rounding of times.
        slack = ERRORS * error + 0.5 / (median if median == 50 else median * 86_400)
        assert abs(np.log(np.median(sample) / median)) < slack


@pytest.mark.parametrize("noise", [0.0, 0.25, 1.0])
def test_noise_has_its_share(noise: float) -> None:
    """Of all events, whoever's."""
    topics = people_of(noise=noise).event_topics
    error = np.sqrt(noise * (1 - noise) / len(topics))
    assert abs((topics == NO_TOPIC).mean() - noise) <= ERRORS * error


def test_events_are_of_interests_and_items_of_their_topics() -> None:
    """Without drift, switches and noise, every event is for one of the first interests."""
    settings = PopulationSettings(items=2000, events=15, noise=0, drift=0, switches=0)
    items = Items.of(settings)
    people = generate_people(3, settings=settings, items=items, choices=ItemChoices.of(items))
    np.testing.assert_array_equal(people.first_weights, people.last_weights)
    np.testing.assert_array_equal(people.first_topics, people.last_topics)
    interests = np.repeat(people.first_topics, people.counts, axis=0)
    assert (interests == people.event_topics[:, None]).any(axis=1).all()
    assert (items.mixtures[people.items, people.event_topics] > 0).all()


@pytest.mark.parametrize("focus", [0.0, 0.5, 1.0])
def test_focus_is_shared_by_the_events_of_a_session(focus: float) -> None:
    """Two events of a session are for the same topic with probability f^2 + (1 - f^2) sum_k w_k^2.

    Both are of the focus, or one at least is an independent draw by the weights, as the focus is.
    """
    people = people_of(focus=focus, noise=0, drift=0, switches=0)
    together = np.diff(people.times) <= SESSION_LIMIT
    together[np.cumsum(people.counts)[:-1] - 1] = False
    alike = np.diff(people.event_topics)[together] == 0
    by_weights = np.square(people.first_weights).sum(axis=1)
    pairs = np.repeat(by_weights, people.counts)[:-1][together]
    expected = focus**2 + (1 - focus**2) * pairs.mean()
    # Pairs of a session depend on one another. There are more sessions than people, so that a mean
    # over independent people errs more.
    assert abs(alike.mean() - expected) <= ERRORS * np.sqrt(0.25 / CHUNK)


def test_interests_at_the_end_are_less_like_those_at_the_beginning_the_more_they_drift() -> None:
    """Mean cosine of the first and last weights over topics falls with drift, and with switches."""

    def likeness(**rates: Any) -> float:
        people = people_of(events=30, **rates)
        ends = np.zeros((2, CHUNK, 40))
        for end, (topics, weights) in zip(
            ends,
            (
                (people.first_topics, people.first_weights),
                (people.last_topics, people.last_weights),
            ),
            strict=True,
        ):
            np.put_along_axis(end, topics.astype(np.int64), weights, axis=1)
        cosines = (ends[0] * ends[1]).sum(axis=1)
        cosines /= np.linalg.norm(ends, axis=2).prod(axis=0)
        return float(cosines.mean())

    drifting = [likeness(drift=drift, switches=0) for drift in (0.0, 0.1, 0.5, 3.0)]
    switching = [likeness(drift=0, switches=switches) for switches in (0.0, 0.2, 1.0)]
    # A mean of 5,000 cosines has an error below 0.0071; neighbours differ by 0.05 at least.
    for likenesses in (drifting, switching):
        assert likenesses[0] == pytest.approx(1, abs=1e-6)
        assert (np.diff(likenesses) < -0.05).all()


def test_switches_are_recorded_where_events_change() -> None:
    """With one interest and no noise, the topic changes at the recorded events and nowhere else."""
    people = people_of(interests=1, noise=0, drift=0, switches=2)
    assert people.switch_counts.sum() > CHUNK / 2
    switch = 0
    for own, switches in zip(histories(people), people.switch_counts.tolist(), strict=True):
        topics = people.event_topics[own]
        changes = np.flatnonzero(np.diff(topics)) + 1
        rows = slice(switch, switch + switches)
        assert people.switch_events[rows].tolist() == changes.tolist()
        assert people.switch_topics[rows, 0].tolist() == topics[changes - 1].tolist()
        assert people.switch_topics[rows, 1].tolist() == topics[changes].tolist()
        switch += switches


def test_repeats_are_drawn_again_unless_asked_for() -> None:
    """A catalogue of 2,000 has enough for nearly everybody never to meet an item again."""

    def repeats(**fields: Any) -> float:
        people = people_of(**fields)
        pairs = np.repeat(np.arange(CHUNK), people.counts) * 2000 + people.items
        return 1 - len(np.unique(pairs)) / len(pairs)

    assert repeats() < 0.02
    assert repeats(repeats=True) > 2 * repeats()


def test_chunks_are_of_different_people() -> None:
    """Each has a stream of its own."""
    first, second = people_of(chunk=0), people_of(chunk=1)
    assert not np.array_equal(first.counts, second.counts)
    np.testing.assert_array_equal(people_of(chunk=1).items, second.items)
