"""Tests of a device's measure: what it counts, and that its norm is bounded whatever happens."""

import math
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.features import FeatureMap
from penchant.shared.history import History
from penchant.shared.measures import (
    MEASURE_NORM,
    is_measure,
    measure_of,
    nothing_measured,
    unscaled,
)
from penchant.shared.ranker import DISLIKE, EVENT_KINDS, Preset, Ranker, RankerSettings
from penchant.shared.scoring import Scorer

ITEMS, WIDTH, FEATURES, DIMENSION = 40, 9, 5, 3

events = st.lists(
    st.tuples(st.integers(UNKNOWN_ITEM, ITEMS - 1), st.integers(0, EVENT_KINDS - 1), st.booleans()),
    max_size=60,
)
numbers = st.floats(-3, 3, width=32)
vectors = arrays(np.float32, DIMENSION, elements=numbers)


@lru_cache
def scorer_of(preset: Preset, scale: float = 1.0) -> Scorer:
    """A random ranker over forty items."""
    rng = np.random.default_rng(11)
    embeddings = rng.normal(size=(ITEMS, WIDTH))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    catalogue = Catalogue.of([f"item-{n}" for n in range(ITEMS)], embeddings.astype(np.float32))
    shape = RankerSettings(
        preset=preset, items=ITEMS, features=FEATURES, dimension=DIMENSION, history_length=4
    )
    feature_map = FeatureMap.principal(catalogue.embeddings, rank=FEATURES)
    vector = (scale * rng.normal(size=shape.size)).astype(np.float32)
    return Scorer.bind(Ranker(shape, feature_map, vector), catalogue)


def history_of(
    scorer: Scorer, listed: list[tuple[int, int, bool]]
) -> tuple[History, NDArray[np.bool_]]:
    """Events as (item, kind, new), a minute apart."""
    items = np.array([item for item, _, _ in listed], dtype=np.int64)
    features = scorer.features[items] * (items != UNKNOWN_ITEM)[:, None]
    kinds = np.array([kind for _, kind, _ in listed], dtype=np.int64)
    history = History(features, items, kinds, 60 * np.arange(len(listed), dtype=np.int64))
    return history, np.array([new for _, _, new in listed], dtype=np.bool_)


def slow_measure(
    scorer: Scorer, history: History, vector: NDArray[np.float32], new: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """(HR, NDCG, weight), one event after the other, ties left out of account."""
    found = []
    for place in range(1, len(history)):
        item = int(history.items[place])
        met = {int(met) for met in history.items[:place]}
        if not new[place] or item in met or item < 0 or history.kinds[place] == DISLIKE:
            continue
        profile = scorer.profile(vector, history.before(place), now=int(history.times[place]))
        scores = scorer.scores(profile)
        rank = 1 + sum(scores[j] > scores[item] for j in range(ITEMS) if j not in met)
        found.append((rank <= 10, 1 / math.log2(rank + 1) if rank <= 10 else 0.0))
    latest = found[-20:]
    if not latest:
        return 0.0, 0.0, 0.0
    return (*(float(np.mean(column)) for column in zip(*latest, strict=True)), 1.0)  # type: ignore[return-value]


@given(st.sampled_from(Preset), events, vectors)
@settings(max_examples=60)
def test_it_is_the_mean_over_new_events_each_foretold_from_those_before(
    preset: Preset, listed: list[tuple[int, int, bool]], vector: NDArray[np.float32]
) -> None:
    """HR@10 and NDCG@10 of new, first-met, not disliked items among items not met before."""
    scorer = scorer_of(preset)
    history, new = history_of(scorer, listed)
    found = measure_of(scorer, history, vector, new=new)
    expected = slow_measure(scorer, history, vector, new)
    assert unscaled(found.astype(np.float64)) == pytest.approx(expected, abs=1e-6)


@given(st.sampled_from(Preset), st.sampled_from([0.0, 1.0, 1e20, 3e38]), events, vectors)
@settings(max_examples=60)
def test_its_norm_is_at_most_one_whatever_the_ranker(
    preset: Preset, scale: float, listed: list[tuple[int, int, bool]], vector: NDArray[np.float32]
) -> None:
    """The sensitivity of the sum, also where scores are all tied or overflow; and it is valid."""
    with np.errstate(all="ignore"):
        scorer = scorer_of(preset, scale)
        history, new = history_of(scorer, listed)
        found = measure_of(scorer, history, vector, new=new)
    assert found.dtype == np.float32
    assert np.linalg.norm(found.astype(np.float64)) <= MEASURE_NORM
    assert is_measure(found)


def test_without_new_events_there_is_nothing() -> None:
    """No events, none that are new, none on the catalogue, none but the first: zeros."""
    scorer = scorer_of(Preset.TEXT)
    vector = np.zeros(DIMENSION, dtype=np.float32)
    for listed in (
        [],
        [(1, 0, False), (2, 0, False)],
        [(UNKNOWN_ITEM, 0, True)] * 3,
        [(1, 0, True)],
        [(1, 0, False), (1, 0, True)],
        [(1, 0, False), (2, DISLIKE, True)],
    ):
        history, new = history_of(scorer, listed)
        found = measure_of(scorer, history, vector, new=new)
        assert found.tolist() == nothing_measured().tolist() == [0, 0, 0]


def test_a_ranker_that_scores_all_alike_is_at_chance() -> None:
    """Ties hit with the share of the list in what is left: 10 of 39, not 1 and not 0."""
    scorer = scorer_of(Preset.TEXT, 0.0)
    history, new = history_of(scorer, [(3, 0, False), (5, 0, True)])
    found = measure_of(scorer, history, np.zeros(DIMENSION, dtype=np.float32), new=new)
    hits, _, weight = unscaled(found.astype(np.float64))
    assert (hits, weight) == (pytest.approx(10 / 39), pytest.approx(1))


def test_scores_that_are_not_numbers_find_nothing() -> None:
    """A ranker that overflows misses what it should have found; it does not hit it."""
    with np.errstate(all="ignore"):
        scorer = scorer_of(Preset.FULL, 3e38)
        history, new = history_of(scorer, [(3, 0, False), (5, 0, True)])
        found = measure_of(scorer, history, np.ones(DIMENSION, dtype=np.float32), new=new)
    assert unscaled(found.astype(np.float64)) == pytest.approx([0, 0, 1])


@pytest.mark.parametrize(
    ("hits", "gains", "weight", "valid"),
    [
        (0.0, 0.0, 0.0, True),
        (1.0, 1.0, 1.0, True),
        (0.4, 0.2, 1.0, True),
        (0.4, 0.4, 1.0, True),
        (0.2, 0.4, 1.0, False),
        (0.4, -0.2, 1.0, False),
        (1.1, 0.2, 1.0, False),
        (0.4, 0.2, 0.5, False),
        (0.4, 0.2, 0.0, False),
        (0.0, 0.0, -1.0, False),
        (0.0, 0.0, 1.7, False),
    ],
)
def test_what_no_device_can_measure_is_told(
    hits: float, gains: float, weight: float, valid: bool
) -> None:
    """The weight is 0 or 1, and 0 <= NDCG <= HR <= weight."""
    vector = (np.array([hits, gains, weight]) / math.sqrt(3)).astype(np.float32)
    assert is_measure(vector) is valid
