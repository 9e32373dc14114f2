"""New items in a trained ranker: old ones are scored as before, new ones by their texts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penchant.shared import newitems
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.features import FeatureMap
from penchant.shared.history import History
from penchant.shared.newitems import (
    NewItems,
    extended,
    predicted_popularity,
    predicted_vectors,
    ranked,
)
from penchant.shared.ranker import DISLIKE, Preset, Ranker, RankerSettings
from penchant.shared.scoring import Scorer

OLD, NEW, WIDTH = 30, 7, 12


def catalogue_of(items: int) -> Catalogue:
    """Return the first items of one long catalogue."""
    raw = np.random.default_rng(3).standard_normal((OLD + NEW, WIDTH))
    embeddings = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    names = [f"item{i}" for i in range(OLD + NEW)]
    return Catalogue.of(names[:items], embeddings[:items].astype(np.float32))


def trained(preset: Preset) -> Scorer:
    """Return a scorer whose numbers are all other than at the start."""
    catalogue = catalogue_of(OLD)
    feature_map = FeatureMap.principal(catalogue.embeddings, rank=8)
    settings = RankerSettings(
        preset=preset,
        items=OLD,
        features=8,
        dimension=4,
        history_length=5,
        catalogue=catalogue.fingerprint,
    )
    initial = Ranker.initial(settings, feature_map)
    noise = np.random.default_rng(5).standard_normal(settings.size).astype(np.float32)
    return Scorer.bind(initial.with_vector(initial.vector + noise), catalogue)


@pytest.mark.parametrize("preset", list(Preset))
def test_old_items_keep_their_scores(preset: Preset) -> None:
    """What was there is scored as it was, by anybody and after anything they did with it."""
    before = trained(preset)
    after = extended(before, catalogue_of(OLD + NEW))
    met = np.array([3, 11, 3, 20])
    history = History(
        items=met,
        features=before.features[met],
        kinds=np.array([0, 1, DISLIKE, 2]),
        times=np.array([0, 3600, 7200, 9000]),
    )
    private = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    then, now = (scorer.profile(private, history, now=10_000) for scorer in (before, after))
    np.testing.assert_allclose(now, then, rtol=1e-5, atol=1e-5)
    assert after.scores(now).shape == (OLD + NEW,)
    np.testing.assert_allclose(after.scores(now)[:OLD], before.scores(then), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("preset", list(Preset))
def test_new_items_are_scored_by_their_texts(preset: Preset) -> None:
    """New items rank among themselves as the vectors and popularity that texts suggest say."""
    before = trained(preset)
    after = extended(before, catalogue_of(OLD + NEW))
    new, old = after.features[OLD:], before.features
    profile = np.random.default_rng(17).standard_normal(4).astype(np.float32)
    expected = predicted_vectors(old, before.item_vectors, new) @ profile
    expected += predicted_popularity(old, before.ranker.arrays["popularity"], new)
    found = after.scores(profile)[OLD:]
    slope = np.ptp(found) / np.ptp(expected)
    assert slope >= 1
    np.testing.assert_allclose(
        found - found.mean(), slope * (expected - expected.mean()), rtol=1e-3, atol=1e-4
    )


def test_new_items_come_up_beside_known_ones() -> None:
    """Where half of a catalogue is new, some of the first tens are: here a fifth.

    The seed is fixed; as they are predicted, near the mean, new items are on nobody's list.
    """
    rng = np.random.default_rng(19)
    raw = rng.standard_normal((400, 24)).astype(np.float32)
    catalogue = Catalogue.of([f"item{i}" for i in range(400)], raw)
    known = Catalogue.of(catalogue.items[:200], raw[:200])
    feature_map = FeatureMap.principal(raw[:200], rank=24)
    settings = RankerSettings(
        preset=Preset.FULL, items=200, features=24, dimension=8, history_length=3
    )
    start = Ranker.initial(settings, feature_map)
    arrays = {name: array.copy() for name, array in start.arrays.items()}
    arrays["item_residual"] = 0.2 * rng.standard_normal((200, 8)).astype(np.float32)
    vector = np.concatenate([arrays[name].ravel() for name in settings.shapes()])
    after = extended(Scorer.bind(start.with_vector(vector), known), catalogue)
    profiles = rng.standard_normal((500, 8)).astype(np.float32)
    first = [np.argsort(-after.scores(profile))[:10] for profile in profiles]
    assert 0.1 < np.mean(np.concatenate(first) >= 200) < 0.5


def test_larger_ranker_is_a_release_like_any_other(tmp_path: Path) -> None:
    """Saved, loaded and bound to the larger catalogue, it scores as it did."""
    larger = catalogue_of(OLD + NEW)
    after = extended(trained(Preset.TEXT), larger)
    after.ranker.save(tmp_path / "ranker.safetensors")
    again = Scorer.bind(Ranker.load(tmp_path / "ranker.safetensors"), larger)
    profile = np.ones(4, dtype=np.float32)
    np.testing.assert_allclose(again.scores(profile), after.scores(profile), rtol=1e-5, atol=1e-6)


def test_same_catalogue_changes_nothing() -> None:
    """Nothing new, nothing made."""
    scorer = trained(Preset.TEXT)
    assert extended(scorer, catalogue_of(OLD)) is scorer


def test_other_items_are_refused() -> None:
    """A catalogue in another order would give items the numbers of others."""
    larger = catalogue_of(OLD + NEW)
    other = Catalogue.of(larger.items[::-1], larger.embeddings[::-1])
    with pytest.raises(ConfigurationError, match="first 30 items of the new catalogue are not"):
        extended(trained(Preset.TEXT), other)


def test_popularity_is_predicted_where_texts_tell_it() -> None:
    """Where popularity is linear in the features it is found; where it is noise, its mean is."""
    rng = np.random.default_rng(11)
    features = rng.standard_normal((200, 10)).astype(np.float32)
    weights = rng.standard_normal(10)
    told = (features @ weights + 3).astype(np.float32)
    found = predicted_popularity(features[:150], told[:150], features[150:])
    np.testing.assert_allclose(found, told[150:], atol=0.02)
    noise = rng.standard_normal(200).astype(np.float32) + 3
    shrunk = predicted_popularity(features[:150], noise[:150], features[150:])
    # The seed is fixed; unshrunk least squares is further than 0.2 from the mean here.
    assert np.abs(shrunk - noise[:150].mean()).mean() < 0.2


def test_vectors_are_predicted_by_what_many_items_share() -> None:
    """Where vectors follow the leading directions, noise in the others is not carried over.

    A projection that fits known items exactly fits their noise, and errs more on new ones.
    """
    rng = np.random.default_rng(11)
    scales = np.concatenate([np.full(4, 0.45), np.full(60, 0.055)])
    features = (rng.standard_normal((800, 64)) * scales).astype(np.float32)
    true = np.zeros((64, 3))
    true[:4] = rng.standard_normal((4, 3))
    known, new = features[:400], features[400:]
    vectors = (known @ true + rng.standard_normal((400, 3))).astype(np.float32)
    exact = new @ np.linalg.lstsq(known, vectors, rcond=None)[0]
    predicted = predicted_vectors(known, vectors, new)
    error, by_heart = (np.square(found - new @ true).mean() for found in (predicted, exact))
    assert error < by_heart / 3


def test_vectors_of_average_texts_are_the_mean() -> None:
    """An item whose features are the mean ones has the mean vector."""
    rng = np.random.default_rng(13)
    known = rng.standard_normal((50, 6)).astype(np.float32)
    vectors = rng.standard_normal((50, 2)).astype(np.float32)
    found = predicted_vectors(known, vectors, known.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(found, vectors.mean(axis=0, keepdims=True), rtol=1e-4, atol=1e-6)


def grown(preset: Preset, catalogue: Catalogue, *, popularity: Scorer) -> Scorer:
    """Return the ranker of ``trained`` over a larger catalogue, as a release has it.

    Its items after the old ones were in no round; ``popularity`` has theirs.
    """
    before = trained(preset).ranker
    settings = replace(before.settings, items=len(catalogue), catalogue=catalogue.fingerprint)
    arrays = dict(before.arrays)
    arrays["popularity"] = popularity.ranker.arrays["popularity"]
    vector = np.concatenate([arrays[name].ravel() for name in settings.shapes()])
    rounds = np.array([8] * OLD + [0] * (len(catalogue) - OLD), dtype=np.int32)
    return Scorer.bind(Ranker(settings, before.feature_map, vector, rounds), catalogue)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("preset", [Preset.TEXT, Preset.COMPACT])
def test_a_release_ranks_as_the_evaluation_does(
    preset: Preset, mapped: bool, tmp_path: Path
) -> None:
    """A ranker that has nowhere to keep new items' vectors gives the evaluation's scores.

    Of anybody, whatever they did, with new items too, and also where the catalogue is mapped.
    """
    larger = catalogue_of(OLD + NEW)
    evaluated = extended(trained(preset), larger)
    if mapped:
        path = tmp_path / "catalogue"
        Catalogue.write(path, larger.items, embeddings=larger.embeddings, precision="float32")
        larger = Catalogue.open(path)
    found = ranked(grown(preset, larger, popularity=evaluated))
    met = np.array([OLD + 2, 3, UNKNOWN_ITEM, OLD + 6, OLD + 2])
    history = History(
        items=met,
        features=evaluated.features[met],
        kinds=np.array([0, 1, 0, DISLIKE, 2]),
        times=np.array([0, 3600, 5000, 7200, 9000]),
    )
    private = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    profiles = [scorer.profile(private, history, now=10_000) for scorer in (found, evaluated)]
    np.testing.assert_allclose(profiles[0], profiles[1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        found.scores(profiles[0]), evaluated.scores(profiles[1]), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        found.context_vectors, evaluated.context_vectors, rtol=1e-5, atol=1e-5
    )


def test_what_training_has_met_is_ranked_as_the_ranker_says() -> None:
    """Without new items nothing is added, and nothing is made."""
    scorer = trained(Preset.COMPACT)
    assert ranked(scorer) is scorer
    settled = replace(scorer.ranker, item_rounds=np.full(OLD, 4, dtype=np.int32))
    held = Scorer.bind(settled, scorer.catalogue)
    assert ranked(held) is held


def test_residuals_of_new_items_are_trained_and_not_made_again() -> None:
    """Of a ranker of the preset full a release holds new items' vectors itself."""
    scorer = grown(
        Preset.TEXT,
        catalogue_of(OLD + NEW),
        popularity=extended(trained(Preset.TEXT), catalogue_of(OLD + NEW)),
    )
    full = extended(trained(Preset.FULL), catalogue_of(OLD + NEW))
    kept = Scorer.bind(replace(full.ranker, item_rounds=scorer.ranker.item_rounds), full.catalogue)
    assert ranked(kept) is kept


def test_to_a_ranker_that_has_learnt_nothing_all_items_are_new() -> None:
    """They have their projections, and nobody is known to like them."""
    scorer = Scorer.untrained(catalogue_of(OLD), dimension=4)
    told, features = NewItems(scorer), scorer.features[:5]
    np.testing.assert_allclose(told.vectors(features), scorer.item_vectors[:5], rtol=1e-6)
    assert (told.popularity(features) == 0).all()


def test_many_known_items_stand_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of known items says nearly what all of them do: it is believed as far as they are.

    The seed is fixed: every third of 6,000 items is 1% to 3% off. Believed only as far as 2,000
    items are, it would be more than 10% off.
    """
    rng = np.random.default_rng(23)
    scales = np.linspace(1, 0.1, 24)
    raw = (rng.standard_normal((6000, 24)) * scales / np.linalg.norm(scales)).astype(np.float32)
    catalogue = Catalogue.of([f"item{i}" for i in range(6000)], raw)
    settings = RankerSettings(
        preset=Preset.TEXT, items=6000, features=24, dimension=24, history_length=3
    )
    ranker = Ranker.initial(settings, FeatureMap.principal(raw, rank=24))
    scorer = Scorer.bind(ranker, catalogue)
    whole = NewItems(scorer).vectors(scorer.features)
    monkeypatch.setattr(newitems, "_MOST", 2000)
    sampled = NewItems(scorer).vectors(scorer.features)
    assert np.linalg.norm(sampled - whole) < 0.03 * np.linalg.norm(whole)
