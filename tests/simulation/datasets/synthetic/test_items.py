"""Tests of generated items: texts that say their topics, and skewed popularity."""

import numpy as np
import pytest

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.synthetic import PopulationSettings
from penchant.simulation.datasets.synthetic.items import Items, genre_mixtures
from penchant.simulation.datasets.synthetic.vocabulary import TOPICS


def items_of(**settings: object) -> Items:
    """Return the items of a small population."""
    return Items.of(PopulationSettings.model_validate({"items": 1000} | settings))


def test_texts_are_distinct_and_say_their_topics() -> None:
    """A text has a thing of its first topic, and the names of its topics and of no other."""
    items = items_of()
    assert len(set(items.texts)) == 1000
    for text, mixture in zip(items.texts, items.mixtures, strict=True):
        words, _, named = text.rpartition(". ")
        topics = [items.topic_names[topic] for topic in np.argsort(-mixture)[: (mixture > 0).sum()]]
        assert named == ", ".join(topics)
        assert any(thing in words for thing in TOPICS[topics[0]])


def test_items_do_not_depend_on_people() -> None:
    """Which items exist is public: no setting of people may change it."""
    first, second = items_of(), items_of(devices=77, drift=2, events=50, noise=0.5, interests=3)
    assert first.texts == second.texts
    np.testing.assert_array_equal(first.mixtures, second.mixtures)
    np.testing.assert_array_equal(first.popularity, second.popularity)


def test_another_seed_gives_other_items() -> None:
    """Texts, topics and popularity."""
    first, second = items_of(), items_of(seed=1)
    assert len(set(first.texts) & set(second.texts)) < 100
    assert not np.array_equal(first.popularity, second.popularity)


def test_popularity_follows_the_stated_law() -> None:
    """In order, p_j ~ (1 + rank / (plateau J)) ** -skew; it sums to 1, and skew 0 is even."""
    ranked = -np.sort(-items_of(skew=1.7, plateau=0.2).popularity)
    expected = (1 + np.arange(1000) / 200) ** -1.7
    np.testing.assert_allclose(ranked, expected / expected.sum())
    np.testing.assert_allclose(items_of(skew=0).popularity, 1 / 1000)


def test_mixtures_and_topic_shares_are_laws() -> None:
    """Non-negative, summing to 1."""
    items = items_of()
    np.testing.assert_allclose(items.mixtures.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(items.topic_shares.sum(), 1)
    assert items.mixtures.min() == 0
    assert (np.diff(items.topic_shares) < 0).all()


def test_more_texts_than_the_grammar_has_are_refused() -> None:
    """With two topics, about half of a million items would be about each."""
    with pytest.raises(ConfigurationError, match=r"84000 different texts .* or more topics"):
        items_of(items=10**6, topics=2, interests=1)


def test_films_are_of_all_their_genres_alike() -> None:
    """Genres stand after the last full stop; a film of none is of all."""
    texts = ("Dr. No (1962). Action, Thriller", "Mr. Wrong (1996). Comedy", "Mr. X (1990)")
    mixtures = genre_mixtures(texts, genres=("Action", "Comedy", "Thriller"))
    np.testing.assert_allclose(
        mixtures, np.array([[1, 0, 1], [0, 2, 0], [2 / 3] * 3]) / 2, rtol=1e-6
    )
