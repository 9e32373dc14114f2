"""A trained ranker over a catalogue that has grown: new items are ranked by their texts.

Nothing is learnt from anybody for it, so it costs no privacy.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.ranker import Preset, Ranker
from penchant.shared.scoring import Scorer

__all__ = ["extended", "predicted_popularity", "predicted_vectors"]

_STRENGTHS = 10.0 ** np.arange(-3, 5)
# Strength of the regression of vectors. The mean squared norm of features is 1 over the catalogue:
# a direction is believed by half where known items' squared features along it add up to this, or,
# in a small catalogue, to this share of all that they add up to. Chosen on unseen items carved from
# MovieLens-100K's training items.
_DOUBT, _LARGEST_DOUBT_SHARE = 100.0, 1 / 15
# New items' spread as a share of known ones'. At 0.9 they have 3% to 11% of the places on lists
# where they are 10% of all items; more than that is at the expense of known items.
_SPREAD = 0.9


def extended(scorer: Scorer, catalogue: Catalogue) -> Scorer:
    """Return a scorer over a larger catalogue.

    A new item's vector and popularity are what texts say of them: see ``predicted_vectors`` and
    ``predicted_popularity``. Predictions lie nearer to the mean than what they predict, and items
    near the mean are on nobody's list, so both are spread about it nearly as widely as known items'
    vectors are. New items then come up on lists too, in the same order among themselves. Known
    items keep their scores.

    The ranker is of the preset ``full``, whose residuals hold what a new item's vector has beside
    its projection; known items of the other presets have none.

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
    before, new = features[:known], features[known:]
    settings = replace(
        ranker.settings,
        preset=Preset.FULL,
        items=len(catalogue),
        catalogue=catalogue.fingerprint if ranker.settings.catalogue else None,
    )
    arrays = _as_full(ranker)
    vectors, popularity = scorer.item_vectors, arrays["popularity"]
    predicted = predicted_vectors(before, vectors, features)
    widening = _widening(vectors, predicted[:known])
    new_vectors = _widened(predicted[known:], vectors.mean(axis=0), widening)
    new_popularity = _widened(
        predicted_popularity(before, popularity, new), popularity.mean(), widening
    )
    residuals = new_vectors - new @ arrays["item_projection"]
    arrays["popularity"] = np.append(popularity, new_popularity)
    arrays["item_residual"] = np.concatenate([arrays["item_residual"], residuals])
    vector = np.concatenate([arrays[name].ravel() for name in settings.shapes()])
    larger = Ranker(settings, ranker.feature_map, vector.astype(np.float32))
    return Scorer(larger, catalogue, features)


def predicted_vectors(
    features: NDArray[np.float32], vectors: NDArray[np.float32], new: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the item vectors that new items' features suggest, float32 (n, d).

    Ridge regression of the known items' vectors on their features (Hoerl and Kennard,
    Technometrics 12(1), 1970, eq. 2.1), as Gantner et al. (ICDM 2010) map attributes to the factors
    of items that nobody has met. Along directions in which known items hardly differ a projection
    has learnt these few items by heart, not what their texts mean; the regression leaves them out.

    Args:
        features: float32 (J, k), of the known items; their mean squared norm is about 1.
        vectors: float32 (J, d), of the known items.
        new: float32 (n, k), features of the new ones.
    """
    centre, mean = features.mean(axis=0, dtype=np.float64), vectors.mean(axis=0, dtype=np.float64)
    left, singular, right = np.linalg.svd(features - centre, full_matrices=False)
    doubt = min(_DOUBT, len(features) * _LARGEST_DOUBT_SHARE)
    shrunk = singular / (singular**2 + doubt)
    coefficients = right.T @ (shrunk[:, np.newaxis] * (left.T @ (vectors - mean)))
    predicted: NDArray[np.float64] = (new - centre) @ coefficients + mean
    return predicted.astype(np.float32)


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


def _as_full(ranker: Ranker) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a ranker of the preset full that scores as ``ranker`` does."""
    settings, arrays = ranker.settings, dict(ranker.arrays)
    for name, shape in replace(settings, preset=Preset.FULL).shapes().items():
        if name not in arrays:
            arrays[name] = np.zeros(shape, dtype=np.float32)
    if "context_projection" not in ranker.arrays:
        arrays["context_projection"] = arrays["item_projection"]
    return arrays


def _widening(vectors: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """Return how many times farther apart new items are put than predicted, at least 1.

    By how many times wider known items' vectors are spread than their own predictions.
    """
    spread, narrower = (
        float(np.linalg.norm(some - vectors.mean(axis=0))) for some in (vectors, predicted)
    )
    return max(1.0, _SPREAD * spread / narrower) if narrower > 0 else 1.0


def _widened(
    values: NDArray[np.float32], mean: NDArray[np.float32], widening: float
) -> NDArray[np.float32]:
    widened: NDArray[np.float32] = mean + np.float32(widening) * (values - mean)
    return widened
