"""A trained ranker over a catalogue that has grown: new items are ranked by their texts.

Nothing is learnt from anybody for it, so it costs no privacy.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer

__all__ = ["extended", "predicted_popularity"]

_STRENGTHS = 10.0 ** np.arange(-3, 5)


def extended(scorer: Scorer, catalogue: Catalogue) -> Scorer:
    """Return a scorer over a larger catalogue.

    A new item's residual is zero, and its popularity what texts say of it: see
    ``predicted_popularity``.

    Args:
        scorer: a ranker bound to its catalogue.
        catalogue: the same items in the same order, and new ones after them.

    Raises:
        ConfigurationError: the catalogue begins with other items.
    """
    known = len(scorer.catalogue)
    if catalogue.items[:known] != scorer.catalogue.items:
        raise ConfigurationError(
            f"the first {known} items of the new catalogue are not those of the ranker; "
            "add new items after the old ones"
        )
    if len(catalogue) == known:
        return scorer
    ranker = scorer.ranker
    features = ranker.feature_map.apply(catalogue.embeddings)
    settings = replace(
        ranker.settings,
        items=len(catalogue),
        catalogue=catalogue.fingerprint if ranker.settings.catalogue else None,
    )
    arrays = dict(ranker.arrays)
    arrays["popularity"] = np.append(
        arrays["popularity"],
        predicted_popularity(features[:known], arrays["popularity"], features[known:]),
    )
    if "item_residual" in arrays:
        new = np.zeros((len(catalogue) - known, settings.dimension), dtype=np.float32)
        arrays["item_residual"] = np.concatenate([arrays["item_residual"], new])
    vector = np.concatenate([arrays[name].ravel() for name in settings.shapes()])
    larger = Ranker(settings, ranker.feature_map, vector.astype(np.float32))
    return Scorer(larger, catalogue, features)


def predicted_popularity(
    features: NDArray[np.float32], popularity: NDArray[np.float32], new: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the popularity that new items' features suggest, float32 (n,).

    Ridge regression of the known items' popularity on their features, of the strength that predicts
    each of them best from the others (Golub, Heath and Wahba, Technometrics 21(2), 1979, eq. 1.4:
    PRESS, exact in closed form).

    Args:
        features: float32 (J, k), of the known items.
        popularity: float32 (J,), of the known items.
        new: float32 (n, k), features of the new ones.
    """
    centre, mean = features.mean(axis=0, dtype=np.float64), popularity.mean(dtype=np.float64)
    left, singular, right = np.linalg.svd(features - centre, full_matrices=False)
    residual = popularity - mean
    along = left.T @ residual
    best, least = np.zeros(len(singular)), np.inf
    for strength in _STRENGTHS:
        shrunk = singular**2 / (singular**2 + strength)
        # The mean is fitted too; it takes its own share of each item's leverage.
        leverage = np.square(left) @ shrunk + 1 / len(features)
        errors = (residual - left @ (shrunk * along)) / np.maximum(1 - leverage, 1e-9)
        loss = float(np.square(errors).mean())
        if loss < least:
            best, least = singular / (singular**2 + strength) * along, loss
    predicted: NDArray[np.float64] = (new - centre) @ (right.T @ best) + mean
    return predicted.astype(np.float32)
