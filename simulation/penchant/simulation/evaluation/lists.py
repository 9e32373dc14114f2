"""What is in the lists that are recommended, whoever is right: variety, novelty, popularity."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.datasets.dataset import Int32Array, Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["ListQuality", "first_items", "list_quality"]


@dataclass(frozen=True)
class ListQuality:
    """Qualities of the lists of all people together.

    Attributes:
        coverage: share of the catalogue that is on somebody's list.
        diversity: mean cosine distance of two items of a list, by the embeddings of their texts
            (Ziegler et al., WWW 2005, section 3.3, as a distance); 0 for lists of one item.
        novelty: mean of -log2 of the share of people who met a recommended item in training, in
            bits (Vargas and Castells, RecSys 2011, section 3.2); one more person than there are is
            taken to have met each item, so that none is infinitely novel.
        popularity_bias: mean number of people who met a recommended item, over the same mean of the
            items that the people met themselves (after Abdollahpouri et al., RMSE 2019); above 1
            the lists are more popular than what people choose.
    """

    coverage: float
    diversity: float
    novelty: float
    popularity_bias: float

    def as_dict(self) -> dict[str, float]:
        """Return the qualities by name."""
        return asdict(self)


def first_items(
    scores: NDArray[np.floating[Any]],
    candidates: NDArray[np.bool_],
    *,
    k: int,
    rng: np.random.Generator,
) -> Int32Array:
    """Return the k best candidates of each person, best first; ties are in random order.

    Args:
        scores: floats (n, J).
        candidates: bool (n, J), at least k of each person.
        k: length of a list.
        rng: decides ties.
    """
    # Columns change places at random, so that ties fall to whichever came first.
    order = rng.permutation(scores.shape[1])
    shuffled = np.where(candidates, scores, -np.inf)[:, order]
    best = np.argpartition(-shuffled, k - 1, axis=1)[:, :k]
    ranked = np.argsort(-np.take_along_axis(shuffled, best, axis=1), axis=1, kind="stable")
    return order[np.take_along_axis(best, ranked, axis=1)].astype(np.int32)


def list_quality(
    lists: Int32Array,
    people: Int64Array,
    split: LeaveOneOut,
    embeddings: NDArray[np.floating[Any]],
    popularity: NDArray[np.float64],
    *,
    counted: int,
    stage: Stage,
) -> ListQuality:
    """Return the qualities of people's lists.

    Args:
        lists: int32 (n, k), items recommended to each person.
        people: int64 (n,), whose they are.
        split: the split data set.
        embeddings: floats (J, m), of unit norm.
        popularity: float64 (J,), how many people met each item in training.
        counted: how many people that popularity was counted among.
        stage: at which the lists were made.
    """
    k = lists.shape[1]
    vectors = embeddings[lists]
    # The squared norm of the sum holds every pair twice, and k times 1.
    sums = np.square(vectors.sum(axis=1)).sum(axis=1)
    pairs = (sums - np.square(vectors).sum(axis=(1, 2))) / max(1, k * (k - 1))
    met = np.concatenate([split.history(int(person), stage=stage)[0] for person in people])
    chosen = popularity[met].mean() if len(met) else 0.0
    return ListQuality(
        coverage=len(np.unique(lists)) / len(popularity),
        diversity=float(1 - pairs.mean()) if k > 1 else 0.0,
        novelty=float(-np.log2((popularity[lists] + 1) / (counted + 1)).mean()),
        popularity_bias=float(popularity[lists].mean() / chosen) if chosen else 0.0,
    )
