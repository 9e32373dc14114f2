"""Tests of the ranking score, against the formula written out number by number."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.history import History
from penchant.shared.ranker import DISLIKE, EVENT_KINDS, Preset, Ranker
from penchant.shared.scoring import Scorer, attention_weights

MakeRanker = Callable[[Preset], Ranker]
presets = pytest.mark.parametrize("preset", list(Preset))
NOW = 1_700_000_000

events = st.lists(
    st.tuples(
        st.integers(UNKNOWN_ITEM, 11), st.integers(0, EVENT_KINDS - 1), st.integers(0, 10**8)
    ),
    max_size=9,
)


def history_of(scorer: Scorer, listed: list[tuple[int, int, int]]) -> History:
    """Events as (item, kind, seconds ago), oldest first; unknown items have features as well."""
    listed = sorted(listed, key=lambda event: -event[2])
    rng = np.random.default_rng(len(listed))
    foreign = rng.normal(size=(len(listed), scorer.ranker.settings.features))
    items = np.array([item for item, _, _ in listed], dtype=np.int64)
    known = (items != UNKNOWN_ITEM)[:, None]
    return History(
        features=np.where(known, scorer.features[items], foreign).astype(np.float32),
        items=items,
        kinds=np.array([kind for _, kind, _ in listed], dtype=np.int64),
        times=np.array([NOW - ago for _, _, ago in listed], dtype=np.int64),
    )


def slow_profile(ranker: Ranker, private: list[float], history: History) -> list[float]:
    """z, one number after the other."""
    arrays = ranker.arrays
    compact = ranker.settings.preset is Preset.COMPACT
    projection = arrays["item_projection" if compact else "context_projection"]
    length, dimension = ranker.settings.history_length, ranker.settings.dimension
    profile, total = [0.0] * dimension, 0.0
    for place, event in enumerate(reversed(range(len(history)))):
        if place >= length:
            break
        logit = 0.0
        if not compact:
            hours = max(0, NOW - int(history.times[event])) / 3600
            logit += float(arrays["attention_position"][place])
            logit += float(arrays["attention_kind"][history.kinds[event]])
            logit += float(arrays["attention_age"][0]) * math.log(1 + hours)
        total += math.exp(logit)
        for axis in range(dimension):
            value = sum(
                float(history.features[event, feature]) * float(projection[feature, axis])
                for feature in range(ranker.settings.features)
            )
            if ranker.settings.preset is Preset.FULL and history.items[event] != UNKNOWN_ITEM:
                value += float(arrays["item_residual"][history.items[event], axis])
            sign = -1 if history.kinds[event] == DISLIKE else 1
            profile[axis] += sign * math.exp(logit) * value
    return [
        who + (now / total if total else 0.0) for who, now in zip(private, profile, strict=True)
    ]


@presets
@given(listed=events)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
)
def test_profile_is_the_formula(
    make_ranker: MakeRanker,
    catalogue: Catalogue,
    preset: Preset,
    listed: list[tuple[int, int, int]],
) -> None:
    """The profile is the private vector plus the attended, projected latest events.

    Of dislikes it is the opposite that counts.
    """
    scorer = Scorer.bind(make_ranker(preset), catalogue)
    history = history_of(scorer, listed)
    private = np.array([0.3, -0.2, 0.5], dtype=np.float32)
    found = scorer.profile(private, history, now=NOW)
    assert found.dtype == np.float32
    expected = slow_profile(scorer.ranker, private.tolist(), history)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@presets
def test_scores_are_the_formula(
    make_ranker: MakeRanker, catalogue: Catalogue, preset: Preset
) -> None:
    """An item's score is its vector times the profile, plus its popularity."""
    ranker = make_ranker(preset)
    scorer = Scorer.bind(ranker, catalogue)
    profile = np.array([0.3, -0.2, 0.5], dtype=np.float32)
    expected = []
    for item in range(len(catalogue)):
        features = ranker.feature_map.apply(catalogue.embeddings[item])
        vector = features @ ranker.arrays["item_projection"]
        if preset is Preset.FULL:
            vector = vector + ranker.arrays["item_residual"][item]
        expected.append(float(vector @ profile + ranker.arrays["popularity"][item]))
    np.testing.assert_allclose(scorer.scores(profile), expected, rtol=1e-4, atol=1e-5)
    some = np.array([7, 0, 7])
    np.testing.assert_allclose(scorer.scores(profile, some), np.take(expected, some), rtol=1e-4)
    assert scorer.scores(profile, np.array([], dtype=np.int64)).shape == (0,)


def test_unknown_items_have_no_score(make_ranker: MakeRanker, catalogue: Catalogue) -> None:
    """``UNKNOWN_ITEM`` is not taken for the last item of the catalogue."""
    scorer = Scorer.bind(make_ranker(Preset.TEXT), catalogue)
    with pytest.raises(DataError, match="does not have"):
        scorer.scores(np.zeros(3, dtype=np.float32), catalogue.positions(["item-1", "nowhere"]))


@presets
def test_events_beyond_the_history_length_do_not_count(
    make_ranker: MakeRanker, catalogue: Catalogue, preset: Preset
) -> None:
    """Only the latest L events are seen."""
    scorer = Scorer.bind(make_ranker(preset), catalogue)
    listed = [(item, item % EVENT_KINDS, 1000 * (9 - item)) for item in range(9)]
    everything = history_of(scorer, listed)
    private = np.zeros(3, dtype=np.float32)
    whole = scorer.profile(private, everything, now=NOW)
    assert (whole == scorer.profile(private, everything.latest(4), now=NOW)).all()
    assert (whole != scorer.profile(private, everything.latest(3), now=NOW)).any()


def test_without_events_the_profile_is_the_private_vector(
    make_ranker: MakeRanker, catalogue: Catalogue
) -> None:
    """Nothing is added for a person who has done nothing."""
    scorer = Scorer.bind(make_ranker(Preset.FULL), catalogue)
    private = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    assert scorer.profile(private, history_of(scorer, []), now=NOW).tolist() == [1.0, 2.0, 3.0]


def test_attention_survives_extreme_terms(make_ranker: MakeRanker) -> None:
    """Weights stay finite and sum to 1 however large the learnt terms, and for future events."""
    ranker = make_ranker(Preset.TEXT)
    ranker = ranker.with_vector(ranker.vector * 1e4)
    kinds, times = np.array([0, 1, 2]), np.array([0, NOW - 1, NOW + 10**6])
    weights = attention_weights(ranker, kinds, times, now=NOW)
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)


@presets
def test_context_vectors_are_what_an_event_adds(
    make_ranker: MakeRanker, catalogue: Catalogue, preset: Preset
) -> None:
    """With one event all the attention is its own: the profile moves by its context vector."""
    scorer = Scorer.bind(make_ranker(preset), catalogue)
    moved = scorer.profile(np.zeros(3, dtype=np.float32), history_of(scorer, [(6, 2, 50)]), now=NOW)
    np.testing.assert_allclose(moved, scorer.context_vectors[6], rtol=1e-5, atol=1e-6)


def test_another_release_scores_with_its_own_numbers(
    make_ranker: MakeRanker, catalogue: Catalogue
) -> None:
    """A scorer of new numbers scores as one made for them, and leaves the old as it was."""
    ranker = make_ranker(Preset.FULL)
    scorer = Scorer.bind(ranker, catalogue)
    profile = np.ones(3, dtype=np.float32)
    before = scorer.scores(profile)
    numbers = ranker.vector[::-1].copy()
    rebound = Scorer.bind(ranker.with_vector(numbers), catalogue)
    assert (scorer.with_vector(numbers).scores(profile) == rebound.scores(profile)).all()
    assert (scorer.scores(profile) == before).all()


def test_a_catalogue_of_another_size_is_refused(
    make_ranker: MakeRanker, catalogue: Catalogue
) -> None:
    """A ranker's item tables must be the catalogue's; the error gives both numbers."""
    smaller = Catalogue.of(catalogue.items[:-1], catalogue.embeddings[:-1])
    with pytest.raises(ConfigurationError, match="12 items; the catalogue has 11"):
        Scorer.bind(make_ranker(Preset.TEXT), smaller)


def test_a_catalogue_in_another_order_is_refused(catalogue: Catalogue) -> None:
    """A ranker that names its catalogue takes no other of the same size."""
    scorer = Scorer.untrained(catalogue)
    turned = Catalogue.of(catalogue.items[::-1], catalogue.embeddings[::-1])
    with pytest.raises(ConfigurationError, match=catalogue.fingerprint):
        Scorer.bind(scorer.ranker, turned)


@pytest.mark.parametrize(("count", "kept"), [(0, []), (2, [3, 4]), (9, [0, 1, 2, 3, 4])])
def test_latest_events_of_a_history(count: int, kept: list[int]) -> None:
    """The latest events are the last ones, all of them if fewer were asked for than there are."""
    order = np.arange(5)
    history = History(np.zeros((5, 2), dtype=np.float32), order, order + 1, order + 2)
    latest = history.latest(count)
    assert latest.items.tolist() == kept
    assert latest.times.tolist() == [place + 2 for place in kept]
    assert len(latest) == len(latest.features) == len(latest.kinds) == len(kept)


def test_an_untrained_scorer_prefers_what_is_like_the_latest_events(catalogue: Catalogue) -> None:
    """Without training, items are ranked by how like the event their texts are, and fairly."""
    scorer = Scorer.untrained(catalogue)
    assert scorer.ranker.settings.dimension == min(catalogue.embeddings.shape)
    nobody = np.zeros(scorer.ranker.settings.dimension, dtype=np.float32)
    centred = catalogue.embeddings - catalogue.embeddings.mean(axis=0)
    for item in range(len(catalogue)):
        profile = scorer.profile(nobody, history_of(scorer, [(item, 0, 60)]), now=NOW)
        found, expected = scorer.scores(profile), centred @ centred[item]
        np.testing.assert_allclose(
            found / np.abs(found).max(), expected / np.abs(expected).max(), atol=1e-4
        )


@presets
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("int8", 0.05)])
def test_a_mapped_catalogue_scores_as_one_in_memory(
    make_ranker: MakeRanker,
    catalogue: Catalogue,
    tmp_path: Path,
    preset: Preset,
    precision: str,
    tolerance: float,
) -> None:
    """Vectors, features and scores are those of the catalogue in memory, as precisely as kept."""
    Catalogue.write(
        tmp_path / "c", catalogue.items, embeddings=catalogue.embeddings, precision=precision
    )
    ranker = make_ranker(preset)
    held = Scorer.bind(ranker, catalogue)
    mapped = Scorer.bind(ranker, Catalogue.open(tmp_path / "c"))
    profile = np.array([0.3, -0.2, 0.5], dtype=np.float32)
    for found, expected in (
        (mapped.item_vectors, held.item_vectors),
        (mapped.context_vectors, held.context_vectors),
        (mapped.features, held.features),
        (mapped.features_of(np.array([7, 0, 7])), held.features[[7, 0, 7]]),
        (mapped.scores(profile), held.scores(profile)),
    ):
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_an_untrained_scorer_of_a_mapped_catalogue(catalogue: Catalogue, tmp_path: Path) -> None:
    """A small mapped catalogue gives the untrained scorer that the one in memory gives."""
    Catalogue.write(
        tmp_path / "c", catalogue.items, embeddings=catalogue.embeddings, precision="float32"
    )
    mapped, held = Scorer.untrained(Catalogue.open(tmp_path / "c")), Scorer.untrained(catalogue)
    assert mapped.ranker.model_id == held.ranker.model_id
    np.testing.assert_allclose(mapped.item_vectors, held.item_vectors, atol=1e-5)
