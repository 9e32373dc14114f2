"""LightGBM on embeddings: gradient-boosted trees that rank by a few features of person and item."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.extras import missing
from penchant.simulation.controls.material import Material
from penchant.simulation.datasets.dataset import Int32Array, Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["BoostedTrees"]

TARGETS = 8_000  # training events that are ranked, at most
NEGATIVES = 20  # items that each is told from
COMPONENTS = 12
LATEST = (1, 3, 10)


@dataclass(frozen=True, eq=False)
class _Features:
    """What trees see of a person and items.

    Attributes:
        embeddings: float32 (J, m), of unit norm.
        components: float32 (J, c), leading principal components of the embeddings.
        popularity: float64 (J,), people who met each item in training.
    """

    embeddings: NDArray[np.float32]
    components: NDArray[np.float32]
    popularity: NDArray[np.float64]

    @classmethod
    def of(cls, material: Material) -> "_Features":
        embeddings = material.embeddings.astype(np.float32)
        centred = embeddings - embeddings.mean(axis=0)
        directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
        return cls(embeddings, centred @ directions[:, :COMPONENTS], material.popularity)

    def of_person(
        self, history: Int32Array | Int64Array, items: Int64Array, popularity: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return float32 (n, features), a row an item.

        Cosine similarity to the mean of the whole history and of its latest, the greatest one to
        the latest ten, log popularity, and principal components of the item and of the history.

        Args:
            history: what the person met, oldest first.
            items: those to be ranked.
            popularity: of ``items``, float64 (n,).
        """
        candidates, met = self.embeddings[items], self.embeddings[history]
        latest = met[-LATEST[-1] :]
        means = [met[-count:].mean(axis=0) for count in (len(met), *LATEST)]
        similar = candidates @ np.stack(means, axis=1)
        nearest = (candidates @ latest.T).max(axis=1, keepdims=True)
        person = np.broadcast_to(
            self.components[history].mean(axis=0), (len(items), self.components.shape[1])
        )
        logs = np.log1p(popularity)[:, None].astype(np.float32)
        return np.hstack([similar, nearest, logs, self.components[items], person])


@dataclass(frozen=True, eq=False)
class _Trees:
    features: _Features
    model: Any

    def score(self, split: LeaveOneOut, people: Int64Array, *, stage: Stage) -> NDArray[np.float64]:
        everything = np.arange(split.training.n_items)
        scores = np.empty((len(people), len(everything)))
        for row, person in enumerate(people):
            history, _ = split.history(int(person), stage=stage)
            features = self.features.of_person(history, everything, self.features.popularity)
            scores[row] = self.model.predict(features)
        return scores


class BoostedTrees:
    """LambdaRank (Burges, MSR-TR-2010-82) by LightGBM (Ke et al., NeurIPS 2017).

    Each training event is told from items drawn from those that the person did not meet in
    training. Its own count is left out of its popularity, which would give it away.
    """

    name: ClassVar[str] = "lightgbm"
    title: ClassVar[str] = "LightGBM on embeddings"
    budget: ClassVar[tuple[Setting, ...]] = tuple(
        {"trees": trees, "leaves": leaves} for trees in (50, 150) for leaves in (7, 31)
    )

    def obstacle(self, material: Material) -> str | None:
        """Refuse machines without LightGBM, and data without an event that follows another."""
        if reason := missing("lightgbm", "lightgbm"):
            return reason
        if not len(_later_events(material)):
            return "nobody has two training events"
        return None

    def fit(self, material: Material, setting: Setting) -> _Trees:
        """Rank a sample of the training events."""
        import lightgbm

        seen = _Features.of(material)
        features, labels, groups = _examples(material, seen)
        model = lightgbm.train(
            {
                "objective": "lambdarank",
                "num_leaves": int(setting["leaves"]),
                "learning_rate": 0.1,
                "seed": material.seed,
                "deterministic": True,
                "force_row_wise": True,
                "verbose": -1,
            },
            lightgbm.Dataset(features, labels, group=groups),
            num_boost_round=int(setting["trees"]),
        )
        return _Trees(seen, model)


def _later_events(material: Material) -> Int64Array:
    """Return places of training events that have another of the same person before them."""
    rows, _, _ = material.events
    return np.flatnonzero(rows[1:] == rows[:-1]) + 1


def _examples(
    material: Material, features: _Features
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return features, labels and group sizes of targets and their negatives."""
    rng = np.random.default_rng(material.seed)
    rows, items, _ = material.events
    starts = np.searchsorted(rows, np.arange(len(material.people)))
    met = material.interactions
    later = _later_events(material)
    targets = rng.choice(later, min(TARGETS, len(later)), replace=False)
    parts, labels, groups = [], [], []
    for event in targets:
        row = rows[event]
        drawn = rng.integers(material.known_items, size=NEGATIVES)
        own = met.indices[met.indptr[row] : met.indptr[row + 1]]
        candidates = np.append(items[event], drawn[~np.isin(drawn, own)])
        popularity = features.popularity[candidates]
        popularity[0] -= 1
        parts.append(features.of_person(items[starts[row] : event], candidates, popularity))
        labels.append(np.arange(len(candidates)) == 0)
        groups.append(len(candidates))
    return np.concatenate(parts), np.concatenate(labels).astype(np.int64), np.array(groups)
