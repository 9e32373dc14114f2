"""A small catalogue and rankers over it."""

from collections.abc import Callable

import numpy as np
import pytest

from penchant.shared.catalogue import Catalogue
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Preset, Ranker, RankerSettings

ITEMS, WIDTH, FEATURES, DIMENSION, HISTORY_LENGTH = 12, 9, 5, 3, 4


@pytest.fixture
def catalogue() -> Catalogue:
    """Twelve items with random embeddings of unit norm."""
    embeddings = np.random.default_rng(11).normal(size=(ITEMS, WIDTH))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    items = [f"item-{number}" for number in range(ITEMS)]
    return Catalogue.of(items, embeddings.astype(np.float32))


@pytest.fixture
def make_ranker(catalogue: Catalogue) -> Callable[[Preset], Ranker]:
    """Make a ranker of a preset, all of its numbers random."""

    def make(preset: Preset) -> Ranker:
        settings = RankerSettings(
            preset=preset,
            items=ITEMS,
            features=FEATURES,
            dimension=DIMENSION,
            history_length=HISTORY_LENGTH,
        )
        numbers = np.random.default_rng(3).normal(size=settings.size).astype(np.float32)
        feature_map = FeatureMap.principal(catalogue.embeddings, rank=FEATURES)
        return Ranker.initial(settings, feature_map).with_vector(numbers)

    return make
