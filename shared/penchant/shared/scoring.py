"""The ranking score, in numpy: what a device computes when it ranks.

z    = u + attention over the latest events, projected        (context)
s_j  = z . (P' f_j + r_j) + b_j                               (score)
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.features import FeatureMap
from penchant.shared.history import History
from penchant.shared.ranker import DISLIKE, Preset, Ranker, RankerSettings, split_vector

__all__ = ["Additions", "Scorer", "attention_weights", "log_hours"]

SECONDS_PER_HOUR = 3600.0
# By how much the attention of a ranker that has learnt nothing falls from one event to the next.
RECENCY = 0.2


def log_hours(seconds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log(1 + hours) of an event's age in seconds; what lies ahead counts as now."""
    ages: NDArray[np.float64] = np.log1p(np.maximum(seconds, 0) / SECONDS_PER_HOUR)
    return ages


def attention_weights(
    ranker: Ranker, kinds: NDArray[np.int64], times: NDArray[np.int64], *, now: int
) -> NDArray[np.float32]:
    """Return the attention over a person's latest events, float32 (n,), summing to 1.

    The weight of an event is a softmax of learnt terms: one for its place (0 for the latest), one
    for its kind, and one times log(1 + age in hours). A ranker without attention weighs all evenly.

    Args:
        ranker: holds the learnt terms.
        kinds: int64 (n,), event kinds, oldest first, n at most the ranker's history length.
        times: int64 (n,), unix seconds.
        now: unix seconds of the request.
    """
    arrays = ranker.arrays
    logits = np.zeros(len(kinds), dtype=np.float32)
    if "attention_position" in arrays:
        ages = log_hours(now - times)
        logits = (
            arrays["attention_position"][: len(kinds)][::-1]
            + arrays["attention_kind"][kinds]
            + arrays["attention_age"][0] * ages
        )
    weights = np.exp(logits - logits.max())
    shares: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return shares


@dataclass(frozen=True, eq=False)
class Additions:
    """What a few items' vectors have beside what the ranker gives them.

    Attributes:
        rows: int64 (n,), of the items, ascending.
        vectors: float32 (n, d).
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]

    def add_to(self, vectors: NDArray[np.float32], items: NDArray[np.int64]) -> None:
        """Add to ``vectors``, float32 (m, d), where they are of such items; int64 (m,)."""
        places = np.minimum(np.searchsorted(self.rows, items), len(self.rows) - 1)
        found = self.rows[places] == items
        vectors[found] += self.vectors[places[found]]


@dataclass(frozen=True, eq=False)
class Scorer:
    """A ranker bound to its catalogue.

    Of a catalogue that is mapped from disk, item vectors are made block by block, and features
    only of the items that are asked for.

    Attributes:
        ranker: the shared numbers.
        catalogue: the items that can be recommended.
        held_features: float32 (J, k), the catalogue's features, kept when the ranker changes; None
            for a catalogue that is not in memory.
        additions: to the vectors of items that training has hardly met; None for none.
    """

    ranker: Ranker
    catalogue: Catalogue
    held_features: NDArray[np.float32] | None
    additions: Additions | None = None

    def __post_init__(self) -> None:
        settings = self.ranker.settings
        if len(self.catalogue) != settings.items:
            raise ConfigurationError(
                f"the ranker is for {settings.items} items; the catalogue has {len(self.catalogue)}"
            )
        if settings.catalogue not in (None, self.catalogue.fingerprint):
            raise ConfigurationError(
                f"the ranker is for catalogue {settings.catalogue}; this one is "
                f"{self.catalogue.fingerprint}: other items, or another order"
            )

    @classmethod
    def untrained(
        cls, catalogue: Catalogue, *, dimension: int = 32, history_length: int = 10
    ) -> "Scorer":
        """Return a scorer that has learnt nothing yet: it ranks by the texts of recent events.

        An event counts exp(-0.2) of the one after it, so that a switch of interest soon shows.

        Args:
            catalogue: the items that can be recommended, at least 2. Of one that is mapped from
                disk, 8192 items, evenly spread, give the principal directions.
            dimension: d; less if the catalogue is smaller.
            history_length: L, how many of the latest events count.
        """
        embeddings = catalogue.embeddings if catalogue.held else catalogue.spread()
        rank = FeatureMap.largest_rank(embeddings)
        settings = RankerSettings(
            preset=Preset.TEXT,
            items=len(catalogue),
            features=rank,
            dimension=min(dimension, rank),
            history_length=history_length,
            catalogue=catalogue.fingerprint,
        )
        feature_map = FeatureMap.principal(embeddings, rank=rank)
        vector = Ranker.initial(settings, feature_map).vector.copy()
        recency = split_vector(settings, vector)["attention_position"]
        recency[:] = -RECENCY * np.arange(history_length)
        rounds = np.zeros(len(catalogue), dtype=np.int32)
        return cls.bind(Ranker(settings, feature_map, vector, rounds), catalogue)

    @classmethod
    def bind(cls, ranker: Ranker, catalogue: Catalogue) -> "Scorer":
        """Return the scorer of ``ranker`` over ``catalogue``."""
        features = ranker.feature_map.apply(catalogue.embeddings) if catalogue.held else None
        return cls(ranker, catalogue, features)

    def with_vector(self, vector: NDArray[np.float32]) -> "Scorer":
        """Return the scorer of another release of the same ranker, float32 (D,)."""
        return Scorer(self.ranker.with_vector(vector), self.catalogue, self.held_features)

    def with_features(self, features: NDArray[np.float32]) -> "Scorer":
        """Return the scorer of the same ranker with other features of the items, float32 (J, k)."""
        return Scorer(self.ranker, self.catalogue, features)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """The features of every item, float32 (J, k): what training reads."""
        if self.held_features is not None:
            return self.held_features
        features = np.empty((len(self.catalogue), self.ranker.settings.features), dtype=np.float32)
        for block, embeddings in self.catalogue.blocks():
            features[block] = self.ranker.feature_map.apply(embeddings)
        return features

    def features_of(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the features of the items at ``positions``, float32 (n, k), a copy."""
        if self.held_features is not None:
            return self.held_features[positions]
        return self.ranker.feature_map.apply(self.catalogue.rows(positions))

    @cached_property
    def item_vectors(self) -> NDArray[np.float32]:
        """P' f_j + r_j of every item, float32 (J, d): what a profile is compared with."""
        return self._projected("item_projection")

    @cached_property
    def context_vectors(self) -> NDArray[np.float32]:
        """Q' f_j + r_j of every item, float32 (J, d): what an event adds to a profile."""
        if "context_projection" not in self.ranker.arrays:
            return self.item_vectors
        return self._projected("context_projection")

    def _projected(self, projection: str) -> NDArray[np.float32]:
        arrays = self.ranker.arrays
        vectors: NDArray[np.float32]
        if self.held_features is not None:
            vectors = np.matmul(self.held_features, arrays[projection])
        else:
            vectors = self._projected_blocks(arrays[projection])
        if self.ranker.settings.preset is Preset.FULL:
            vectors = vectors + arrays["item_residual"]
        if self.additions is not None:
            vectors[self.additions.rows] += self.additions.vectors
        return vectors

    def _projected_blocks(self, projection: NDArray[np.float32]) -> NDArray[np.float32]:
        # (e - mean) B P = e (B P) - mean B P: one narrow product instead of a wide one and it.
        feature_map = self.ranker.feature_map
        narrow = feature_map.basis @ projection
        centre = feature_map.mean @ narrow
        vectors = np.empty((len(self.catalogue), projection.shape[1]), dtype=np.float32)
        for block, embeddings in self.catalogue.blocks():
            np.matmul(embeddings, narrow, out=vectors[block])
        vectors -= centre
        return vectors

    def profile(
        self, private_vector: NDArray[np.float32], history: History, *, now: int
    ) -> NDArray[np.float32]:
        """Return z, float32 (d,): who the person is, plus what they are doing now."""
        weights, vectors = self.attended(history, now=now)
        if len(weights) == 0:
            return private_vector
        context: NDArray[np.float32] = np.matmul(weights, vectors)
        return private_vector + context

    def attended(
        self, history: History, *, now: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the latest events' attention, float32 (n,), and context vectors, float32 (n, d).

        Their weighted sum is what the person is doing now; of a dislike it is the opposite that
        counts. n is at most the history length.
        """
        recent = history.latest(self.ranker.settings.history_length)
        arrays = self.ranker.arrays
        projection = self._context_projection
        if len(recent) == 0:
            return np.zeros(0, np.float32), np.zeros((0, projection.shape[1]), np.float32)
        weights = attention_weights(self.ranker, recent.kinds, recent.times, now=now)
        vectors: NDArray[np.float32] = np.matmul(recent.features, projection)
        if self.ranker.settings.preset is Preset.FULL:
            known = recent.items != UNKNOWN_ITEM
            vectors[known] += arrays["item_residual"][recent.items[known]]
        if self.additions is not None:
            self.additions.add_to(vectors, recent.items)
        vectors[recent.kinds == DISLIKE] *= -1
        return weights, vectors

    @property
    def _context_projection(self) -> NDArray[np.float32]:
        arrays = self.ranker.arrays
        return arrays.get("context_projection", arrays["item_projection"])

    def context_of(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return Q' f, float32 (d,), of an embedding, float32 (m,)."""
        vector: NDArray[np.float32] = (
            self.ranker.feature_map.apply(embedding) @ self._context_projection
        )
        return vector

    def scores(
        self, profile: NDArray[np.float32], positions: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the scores of all items, or of those at ``positions``, float32.

        Raises:
            DataError: a position is ``UNKNOWN_ITEM``.
        """
        vectors, popularity = self.item_vectors, self.ranker.arrays["popularity"]
        if positions is not None:
            if (positions < 0).any():
                raise DataError("an item that the catalogue does not have cannot be scored")
            vectors, popularity = vectors[positions], popularity[positions]
        scores: NDArray[np.float32] = np.matmul(vectors, profile)
        scores += popularity
        return scores
