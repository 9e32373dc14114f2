"""Items that training has not met: they are ranked by what their texts say.

Nothing is learnt from anybody for it, so it costs no privacy.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.ranker import Preset, Ranker
from penchant.shared.regression import Block, Regression
from penchant.shared.scoring import Additions, Scorer

__all__ = ["NewItems", "extended", "predicted_popularity", "predicted_vectors", "ranked"]

_STRENGTHS = (10.0 ** np.arange(-3, 5)).tolist()
# Strength of the regression of vectors. The mean squared norm of features is 1 over the catalogue:
# a direction is believed by half where known items' squared features along it add up to this, or,
# in a small catalogue, to this share of all that they add up to. Chosen on unseen items carved from
# MovieLens-100K's training items.
_DOUBT, _LARGEST_DOUBT_SHARE = 30.0, 1 / 50
# Of the strength that predicts popularity best. Squared errors reward predictions near the mean;
# an order among items does not.
_POPULARITY_SHARE = 0.3
# Of more known items, so many stand for all: it bounds what a device with a million has to do.
_MOST = 32_768
_BLOCK = 4096


class NewItems:
    """What the texts of new items say of them, by what training knows of the others.

    A new item's vector and popularity are what texts say of them: see ``predicted_vectors`` and
    ``predicted_popularity``. Predictions lie nearer to the mean than what they predict, and items
    near the mean are on nobody's list, so both are spread about it as many times more widely as it
    takes for vectors to be spread like known items'. New items then come up on lists too, about as
    often as they are many, in the same order among themselves.

    To a ranker that has learnt nothing, all items are new: they have their projections, and no
    popularity.

    It is computed when it is first asked for.

    Args:
        scorer: a ranker bound to its catalogue.
        known: int64 (n,), rows of the items that training has met, at least one; all but the
            ranker's ``new_items``, if not given.
    """

    def __init__(self, scorer: Scorer, *, known: NDArray[np.int64] | None = None) -> None:
        self._scorer = scorer
        if known is None:
            known = np.delete(np.arange(len(scorer.catalogue)), scorer.ranker.new_items)
        count = min(len(known), _MOST)
        self._known = known[np.arange(count) * len(known) // count]
        # Of a sample, sums of squares are a sample's too.
        self._doubt = _doubt(len(known)) * count / len(known)

    def vectors(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the item vectors of new items with ``features``, float32 (n, k) to (n, d)."""
        ranker = self._scorer.ranker
        if ranker.untrained:
            projected: NDArray[np.float32] = features @ ranker.arrays["item_projection"]
            return projected
        regression = self._of_vectors
        predicted = regression.predicted(features, strength=self._doubt)
        return _widened(predicted, regression.mean, self._widening)

    def residuals(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what ``vectors`` have beside the items' projections, float32 (n, k) to (n, d)."""
        projection = self._scorer.ranker.arrays["item_projection"]
        residuals: NDArray[np.float32] = self.vectors(features) - features @ projection
        return residuals

    def popularity(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the popularity of new items with ``features``, float32 (n, k) to (n,)."""
        if self._scorer.ranker.untrained:
            return np.zeros(len(features), dtype=np.float32)
        regression, strength = self._of_popularity
        predicted = regression.predicted(features, strength=strength)
        return _widened(predicted, regression.mean, self._widening)[:, 0]

    @cached_property
    def _regression(self) -> Regression:
        return Regression.of(self._examples)

    @cached_property
    def _of_vectors(self) -> Regression:
        return self._regression.only(slice(None, -1))

    @cached_property
    def _of_popularity(self) -> tuple[Regression, float]:
        regression = self._regression.only(slice(-1, None))
        popularity = ((features, targets[:, -1:]) for features, targets in self._examples)
        return regression, _by_press(regression, popularity)

    @cached_property
    def _widening(self) -> float:
        """How many times farther apart new items are put than predicted, at least 1.

        By how many times wider known items' vectors are spread than their own predictions.
        """
        narrower = self._of_vectors.predicted_spread(strength=self._doubt)
        return max(1.0, self._of_vectors.spread / narrower) if narrower > 0 else 1.0

    @property
    def _examples(self) -> "_Examples":
        return _Examples(self._scorer, self._known)


def extended(scorer: Scorer, catalogue: Catalogue) -> Scorer:
    """Return a scorer over a larger catalogue.

    New items are scored as ``NewItems`` says; known items keep their scores.

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
    new = features[known:]
    settings = replace(
        ranker.settings,
        preset=Preset.FULL,
        items=len(catalogue),
        catalogue=catalogue.fingerprint if ranker.settings.catalogue else None,
    )
    arrays, told = _as_full(ranker), NewItems(scorer)
    arrays["popularity"] = np.append(arrays["popularity"], told.popularity(new))
    arrays["item_residual"] = np.concatenate([arrays["item_residual"], told.residuals(new)])
    vector = np.concatenate([arrays[name].ravel() for name in settings.shapes()])
    larger = Ranker(settings, ranker.feature_map, vector.astype(np.float32))
    return Scorer(larger, catalogue, features)


def ranked(scorer: Scorer, *, told: NewItems | None = None) -> Scorer:
    """Return the scorer that ranks: items new to its ranker have the vectors ``NewItems`` says.

    A ranker of the preset ``full`` has them in its residuals, from where training goes on; the
    others have nowhere to keep them. Popularity is in any ranker.

    Args:
        scorer: a ranker bound to its catalogue.
        told: what it says of new items, if that is at hand.
    """
    ranker = scorer.ranker
    rows = ranker.new_items
    if not len(rows) or ranker.settings.preset is Preset.FULL or scorer.additions is not None:
        return scorer
    told = told or NewItems(scorer)
    vectors = np.empty((len(rows), ranker.settings.dimension), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        vectors[block] = told.residuals(scorer.features_of(rows[block]))
    return replace(scorer, additions=Additions(rows, vectors))


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
    regression = Regression.of([(features, vectors)])
    return regression.predicted(new, strength=_doubt(len(features))).astype(np.float32)


def predicted_popularity(
    features: NDArray[np.float32], popularity: NDArray[np.float32], new: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the popularity that new items' features suggest, float32 (n,).

    Ridge regression of the known items' popularity on their features, of 0.3 times the strength
    that predicts each of them best from the others.

    Args:
        features: float32 (J, k), of the known items.
        popularity: float32 (J,), of the known items.
        new: float32 (n, k), features of the new ones.
    """
    examples = [(features, popularity[:, np.newaxis])]
    regression = Regression.of(examples)
    strength = _by_press(regression, examples)
    return regression.predicted(new, strength=strength)[:, 0].astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Examples:
    """Known items' features, and their vectors and popularity, some thousands at a time.

    Attributes:
        scorer: has them.
        rows: int64 (n,), of the items.
    """

    scorer: Scorer
    rows: NDArray[np.int64]

    def __iter__(self) -> Iterator[Block]:
        vectors, popularity = self.scorer.item_vectors, self.scorer.ranker.arrays["popularity"]
        for start in range(0, len(self.rows), _BLOCK):
            rows = self.rows[start : start + _BLOCK]
            targets = np.column_stack([vectors[rows], popularity[rows]])
            yield self.scorer.features_of(rows), targets


def _doubt(known: int) -> float:
    """Return the strength of the regression of so many known items' vectors."""
    return min(_DOUBT, known * _LARGEST_DOUBT_SHARE)


def _by_press(regression: Regression, examples: Iterable[Block]) -> float:
    """Return the strength of the regression of popularity, from its examples again."""
    return _POPULARITY_SHARE * regression.best_strength(examples, strengths=_STRENGTHS)


def _as_full(ranker: Ranker) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a ranker of the preset full that scores as ``ranker`` does."""
    settings, arrays = ranker.settings, dict(ranker.arrays)
    for name, shape in replace(settings, preset=Preset.FULL).shapes().items():
        if name not in arrays:
            arrays[name] = np.zeros(shape, dtype=np.float32)
    if "context_projection" not in ranker.arrays:
        arrays["context_projection"] = arrays["item_projection"]
    return arrays


def _widened(
    values: NDArray[np.float64], mean: NDArray[np.float64], widening: float
) -> NDArray[np.float32]:
    return (mean + widening * (values - mean)).astype(np.float32)
