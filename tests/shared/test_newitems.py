"""New items in a trained ranker: old ones are scored as before, new ones by their texts."""

from pathlib import Path

import numpy as np
import pytest

from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.features import FeatureMap
from penchant.shared.history import History
from penchant.shared.newitems import extended, predicted_popularity, predicted_vectors
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
