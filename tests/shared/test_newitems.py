"""New items in a trained ranker: old ones are scored as before, new ones by their texts."""

import numpy as np
import pytest

from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.features import FeatureMap
from penchant.shared.newitems import extended, predicted_popularity
from penchant.shared.ranker import Preset, Ranker, RankerSettings
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
    """What was there is scored as it was, and new items are scored by their texts."""
    before = trained(preset)
    after = extended(before, catalogue_of(OLD + NEW))
    profile = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    scores = after.scores(profile)
    assert scores.shape == (OLD + NEW,)
    np.testing.assert_allclose(scores[:OLD], before.scores(profile), rtol=1e-5, atol=1e-5)
    projected = after.features[OLD:] @ before.ranker.arrays["item_projection"]
    by_text = projected @ profile + after.ranker.arrays["popularity"][OLD:]
    np.testing.assert_allclose(scores[OLD:], by_text, rtol=1e-4, atol=1e-5)


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
