"""Items of a generated population: topics, texts and popularity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.synthetic.settings import PopulationSettings, Texts
from penchant.simulation.datasets.synthetic.vocabulary import ADJECTIVES, FORMS, PLACES, TOPICS

__all__ = ["Items", "genre_mixtures"]

ITEM_STREAM = 0
# Popular topics have more items and more people: sizes fall as (position + 1) ** -0.5.
TOPIC_SKEW = 0.5
SECOND_TOPIC_SHARE = 0.5  # of the items have a second topic,
SECOND_TOPIC_WEIGHT = 0.3  # which has this weight beside the first's 0.7


@dataclass(frozen=True, eq=False)
class Items:
    """The catalogue and how people who look for a topic choose in it.

    Attributes:
        texts: what each item is, in words.
        topic_names: what each topic is called.
        mixtures: float32 (J, K), weight of each topic in each item; rows sum to 1.
        popularity: float64 (J,), sums to 1.
        topic_shares: float64 (K,), how large topics are, for items and people alike; sums to 1.
    """

    texts: tuple[str, ...]
    topic_names: tuple[str, ...]
    mixtures: NDArray[np.float32]
    popularity: NDArray[np.float64]
    topic_shares: NDArray[np.float64]

    @classmethod
    def of(cls, settings: PopulationSettings) -> Self:
        """Return the items of a population; they depend on no setting of people.

        Raises:
            ConfigurationError: there are not so many generated titles.
            AssetError: the titles of MovieLens-100K cannot be fetched.
        """
        rng = np.random.default_rng([settings.seed, ITEM_STREAM])
        if settings.texts is Texts.MOVIELENS_100K:
            texts, names, mixtures = _films(settings.items)
        else:
            texts, names, mixtures = _generated(settings, rng)
        return cls(
            texts=texts,
            topic_names=names,
            mixtures=mixtures,
            popularity=_popularity(settings, rng),
            topic_shares=_topic_shares(len(names)),
        )


def _topic_shares(topics: int) -> NDArray[np.float64]:
    sizes = np.arange(1, topics + 1) ** -TOPIC_SKEW
    return np.asarray(sizes / sizes.sum())


def _popularity(settings: PopulationSettings, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return p_j ~ (rank_j + plateau J) ** -skew: a Zipf-Mandelbrot law, ranks in random order.

    B. Mandelbrot, An informational theory of the statistical structure of language, 1953.
    """
    ranks = rng.permutation(settings.items)
    weights = (1 + ranks / (settings.plateau * settings.items)) ** -settings.skew
    return np.asarray(weights / weights.sum())


def _generated(
    settings: PopulationSettings, rng: np.random.Generator
) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[np.float32]]:
    n_items, n_topics = settings.items, settings.topics
    names = tuple(TOPICS)[:n_topics]
    first = rng.choice(n_topics, size=n_items, p=_topic_shares(n_topics))
    other = (first + rng.integers(1, n_topics, size=n_items)) % n_topics
    has_second = rng.random(n_items) < SECOND_TOPIC_SHARE
    mixtures = np.zeros((n_items, n_topics), dtype=np.float32)
    everything = np.arange(n_items)
    mixtures[everything, other] = np.where(has_second, SECOND_TOPIC_WEIGHT, 0)
    mixtures[everything, first] = np.where(has_second, 1 - SECOND_TOPIC_WEIGHT, 1)
    texts = [""] * n_items
    for topic in range(n_topics):
        own = np.flatnonzero(first == topic)
        for item, words in zip(own.tolist(), _titles(names[topic], own.size, rng), strict=True):
            second = names[other[item]] if has_second[item] else None
            texts[item] = f"{words}. {names[topic]}" + (f", {second}" if second else "")
    return tuple(texts), names, mixtures


def _titles(topic: str, count: int, rng: np.random.Generator) -> list[str]:
    """Return ``count`` different titles about a topic, such as "A guide to rare owls in Lisbon"."""
    things = TOPICS[topic]
    shape = (len(FORMS), len(ADJECTIVES), len(things), len(PLACES))
    titles = int(np.prod(shape))
    if count > titles:
        raise ConfigurationError(
            f"{count} items would be about {topic}, and {titles} different texts about it can be "
            "generated; ask for fewer items or more topics"
        )
    chosen = rng.choice(titles, size=count, replace=False)
    return [
        f"{FORMS[form].format(f'{ADJECTIVES[adjective]} {things[thing]}')} in {PLACES[place]}"
        for form, adjective, thing, place in zip(
            *(axis.tolist() for axis in np.unravel_index(chosen, shape)), strict=True
        )
    ]


def _films(count: int) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[np.float32]]:
    """Return the first titles of MovieLens-100K, with their genres as topics."""
    from penchant.simulation.datasets.movielens import GENRES, NAME
    from penchant.simulation.datasets.registry import load

    texts = load(NAME).item_texts[:count]
    return texts, GENRES, genre_mixtures(texts, genres=GENRES)


def genre_mixtures(texts: Sequence[str], *, genres: Sequence[str]) -> NDArray[np.float32]:
    """Return the genres that film texts end with, float32 (n, genres); rows sum to 1.

    Args:
        texts: such as ``"Alien (1979). Horror, Sci-Fi"``; one without genres is of all alike.
        genres: their names.
    """
    columns = {genre: column for column, genre in enumerate(genres)}
    flags = np.zeros((len(texts), len(genres)), dtype=np.float32)
    for item, text in enumerate(texts):
        named = text.rpartition(". ")[2].split(", ")
        flags[item, [columns[genre] for genre in named if genre in columns]] = 1
    flags[~flags.any(axis=1)] = 1
    return np.asarray(flags / flags.sum(axis=1, keepdims=True))
