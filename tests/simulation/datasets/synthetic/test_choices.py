"""Tests of the choice of items: the stated law, and no repeats where none are needed."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare

from penchant.simulation.datasets.synthetic import PopulationSettings
from penchant.simulation.datasets.synthetic.choices import NO_TOPIC, ItemChoices
from penchant.simulation.datasets.synthetic.items import Items

FALSE_ALARM_RATE = 1e-6
DRAWS = 50_000


@pytest.fixture(scope="module")
def items() -> Items:
    """A small catalogue of six topics; the last topic has no items."""
    made = Items.of(PopulationSettings(items=200, topics=7, interests=3))
    mixtures = made.mixtures[:, :6] / np.maximum(
        made.mixtures[:, :6].sum(axis=1, keepdims=True), 1e-9
    )
    mixtures[:, 5] = 0
    return Items(made.texts, made.topic_names[:6], mixtures, made.popularity, made.topic_shares[:6])


def law(items: Items, topic: int) -> NDArray[np.float64]:
    """The law that the module states."""
    weights = items.popularity.copy()
    if topic not in (NO_TOPIC, 5):
        weights *= items.mixtures[:, topic]
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("topic", [0, 4, 5, NO_TOPIC])
def test_items_are_drawn_by_the_stated_law(items: Items, topic: int) -> None:
    """Chi-square on 50,000 draws; one false alarm in a million.

    A topic without items is looked for in vain, and gives what noise gives.
    """
    drawn = ItemChoices.of(items).draw(
        np.full(DRAWS, topic, dtype=np.int16), np.random.default_rng(3)
    )
    counts, expected = np.bincount(drawn, minlength=200), DRAWS * law(items, topic)
    assert counts[expected == 0].sum() == 0
    possible = expected > 0
    assert chisquare(counts[possible], expected[possible]).pvalue > FALSE_ALARM_RATE


def test_nobody_meets_an_item_again_unless_a_topic_is_exhausted(items: Items) -> None:
    """Ten people of forty noise events each repeat nothing; with one item left, they must."""
    choices, rng = ItemChoices.of(items), np.random.default_rng(0)
    people = np.repeat(np.arange(10), 40)
    noise = np.full(400, NO_TOPIC, dtype=np.int16)
    drawn = choices.draw_unmet(people, noise, rng)
    assert len(np.unique(people * 200 + drawn)) == 400
    plain = choices.draw(noise, rng)
    assert len(np.unique(people * 200 + plain)) < 400
    of_topic = int((items.mixtures[:, 4] > 0).sum())
    many = np.full(of_topic + 5, 4, dtype=np.int16)
    exhausted = choices.draw_unmet(np.zeros(len(many), dtype=np.int64), many, rng)
    assert items.mixtures[exhausted, 4].all()


def test_redrawn_items_are_still_of_their_topic(items: Items) -> None:
    """Whatever is drawn again is drawn for the same topic."""
    rng = np.random.default_rng(1)
    topics = rng.integers(0, 5, size=600).astype(np.int16)
    drawn = ItemChoices.of(items).draw_unmet(np.repeat(np.arange(20), 30), topics, rng)
    assert (items.mixtures[drawn, topics] > 0).all()
