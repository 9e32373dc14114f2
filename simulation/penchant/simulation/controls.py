"""Controls: what can be achieved with no federation, no training or no person in mind."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.evaluation.protocols import Scorer
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["content_similarity", "popularity"]

_EVENTS_AT_ONCE = 4_000_000


def popularity(split: LeaveOneOut) -> Scorer:
    """Score every item by how many people have it among their training events.

    It is the same for everybody, and the least that personal ranking has to beat.
    """
    counts = np.zeros(split.training.n_items)
    for start in range(0, split.training.n_events, _EVENTS_AT_ONCE):
        some = split.training.items[start : start + _EVENTS_AT_ONCE]
        counts += np.bincount(some, minlength=counts.size)

    def score(people: Int64Array) -> NDArray[np.float64]:
        return np.broadcast_to(counts, (people.size, counts.size))

    return score


def content_similarity(
    embeddings: NDArray[np.floating[Any]], split: LeaveOneOut, *, stage: Stage
) -> Scorer:
    """Score every item by its mean similarity to the items that the person has met.

    Nothing is trained and nobody else's behaviour is used: it says how far item texts alone go.

    Args:
        embeddings: of shape (items, m), the items' text embeddings, of unit norm.
        split: the split data set.
        stage: which held-out item is to be ranked.

    Raises:
        DataError: there is not one embedding an item.
    """
    if embeddings.ndim != 2 or len(embeddings) != split.training.n_items:
        raise DataError(
            f"{split.training.n_items} items need embeddings of shape "
            f"({split.training.n_items}, m); got {embeddings.shape}"
        )

    def score(people: Int64Array) -> NDArray[np.floating[Any]]:
        met = split.observed(people, stage=stage).astype(embeddings.dtype)
        means = (met @ embeddings) / np.maximum(met.sum(axis=1, keepdims=True), 1)
        return np.asarray(means @ embeddings.T)

    return score
