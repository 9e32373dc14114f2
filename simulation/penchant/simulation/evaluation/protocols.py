"""The protocols, on the same people: full ranking, and ranking among sampled negatives.

``full``: the candidates are all items minus what the person has met before the held-out one.
``sampled``: the held-out item against negatives drawn from those same candidates. It is there for
comparison with papers; sampled metrics can order models differently from full ranking (Krichene and
Rendle, On Sampled Metrics for Item Recommendation, KDD 2020), so choices are made on full ranking.
``unseen``: where the held-out items were kept from training, among such items alone: whether a
model rates new items lower than others does not matter then, only how it orders them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.metrics import (
    FloatArray,
    Ranks,
    hit_rate,
    ndcg,
    reciprocal_rank,
)
from penchant.simulation.datasets.dataset import Int32Array, Int64Array
from penchant.simulation.evaluation.impressions import ImpressionEvaluation
from penchant.simulation.evaluation.lists import first_items
from penchant.simulation.evaluation.negatives import SampledNegatives, blocks
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Evaluation", "Scorer", "by_person", "evaluate"]

# People (int64 of shape (n,)) to the scores of all items (float of shape (n, items)).
Scorer: TypeAlias = Callable[[Int64Array], NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one model achieved at one stage, person by person.

    Args:
        stage: which held-out item was ranked.
        people: int64 of shape (n,), the people who have one.
        ranks: by protocol: ``full``, ``sampled99`` for 99 negatives, ``unseen`` where asked for.
        k: length of the list that counts as a hit.
        lists: int32 (n, k), the first k candidates of the full ranking, if they were asked for.
        impressions: how well clicks were told from what was shown, if they were asked for.
    """

    stage: Stage
    people: Int64Array
    ranks: dict[str, Ranks]
    k: int
    lists: Int32Array | None = None
    impressions: ImpressionEvaluation | None = None

    def values(self, protocol: str) -> dict[str, FloatArray]:
        """Return each metric's value for each person: float64 of shape (n,), in [0, 1]."""
        ranks = self.ranks[protocol]
        return {
            f"hr@{self.k}": hit_rate(ranks, k=self.k),
            f"ndcg@{self.k}": ndcg(ranks, k=self.k),
            "mrr": reciprocal_rank(ranks),
        }

    def among(self, chosen: NDArray[np.bool_]) -> "Evaluation":
        """Return the same for some of the people, bool (n,), without lists and impressions."""
        ranks = {
            protocol: Ranks(of.above[chosen], of.tied[chosen], of.candidates[chosen])
            for protocol, of in self.ranks.items()
        }
        return Evaluation(self.stage, self.people[chosen], ranks, self.k)

    def hits(self, protocol: str) -> float:
        """Return the number of people whose item is among the first k (expected, under ties)."""
        return float(hit_rate(self.ranks[protocol], k=self.k).sum())

    def as_dict(
        self, *, bootstrap_rng: np.random.Generator | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return the metrics, averaged over people, by protocol and name.

        Args:
            bootstrap_rng: if given, every protocol also gets ``"interval"``, which holds
                ``[low, high]`` for each metric (see :meth:`intervals`).
        """
        scores: dict[str, dict[str, Any]] = {
            protocol: {name: float(v.mean()) for name, v in self.values(protocol).items()}
            for protocol in self.ranks
        }
        if bootstrap_rng is not None:
            for protocol, interval in self.intervals(rng=bootstrap_rng).items():
                scores[protocol]["interval"] = interval
        return scores

    def intervals(
        self, *, rng: np.random.Generator, level: float = 0.95, resamples: int = 1000
    ) -> dict[str, dict[str, list[float]]]:
        """Return percentile bootstrap intervals over people, by protocol and metric.

        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3. It says how much
        a metric would vary with other people of the same kind, not with another training run.

        Args:
            rng: source of the resamples.
            level: coverage, between 0 and 1.
            resamples: number of resamples.
        """
        names = {protocol: list(self.values(protocol)) for protocol in self.ranks}
        columns = [v for protocol in self.ranks for v in self.values(protocol).values()]
        table = np.stack(columns, axis=1)
        n = len(table)
        means = np.stack(
            [table[rng.integers(n, size=n)].mean(axis=0) for _ in range(resamples)], axis=0
        )
        tail = (1 - level) / 2
        bounds = iter(np.quantile(means, [tail, 1 - tail], axis=0).T.tolist())
        return {protocol: {name: next(bounds) for name in names[protocol]} for protocol in names}


def evaluate(
    score: Scorer,
    split: LeaveOneOut,
    *,
    negatives: SampledNegatives,
    k: int = 10,
    lists_rng: np.random.Generator | None = None,
    unseen_from: int | None = None,
) -> Evaluation:
    """Rank every held-out item of one stage by both protocols.

    Args:
        score: gives the scores of all items for a block of people; it may be called several times.
        split: the split data set.
        negatives: drawn once a stage with ``sample_negatives``; they also say which stage it is.
        k: length of the list that counts as a hit.
        lists_rng: keep everybody's first k, and decide their ties by this.
        unseen_from: also rank among the items from this one on, as ``unseen``; every held-out item
            is one of them.

    Raises:
        ConfigurationError: nobody has a held-out item, or the negatives are of another split.
        DataError: scores have the wrong shape, or are not numbers.
    """
    people, stage = negatives.people, negatives.stage
    if not people.size:
        raise ConfigurationError(
            f"nobody of the {split.training.n_people} people of '{split.training.name}' has the 3 "
            "events that leave-one-out needs; evaluate on more people"
        )
    if not np.array_equal(people, split.people):
        raise ConfigurationError(
            f"the negatives are of {people.size} people, the split has {split.people.size} others; "
            "draw them from the split that is evaluated"
        )
    if k < 1:
        raise ConfigurationError(f"k must be at least 1; got {k}")
    parts: dict[str, list[Ranks]] = {"full": [], negatives.protocol: []}
    full, sampled = parts.values()
    # Nobody has fewer candidates than negatives and the held-out item.
    length = min(k, negatives.number + 1)
    if unseen_from is not None:
        parts["unseen"] = []
    lists: list[Int32Array] = []
    for block in blocks(people, n_items=split.training.n_items):
        scores = _checked(score(people[block]), people[block], n_items=split.training.n_items)
        targets = split.targets(stage)[people[block], np.newaxis]
        target_scores = np.take_along_axis(scores, targets, axis=1)
        candidates = ~split.observed(people[block], stage=stage)
        full.append(_ranks(target_scores, scores, candidates))
        if unseen_from is not None:
            some = slice(unseen_from, None)
            parts["unseen"].append(_ranks(target_scores, scores[:, some], candidates[:, some]))
        if lists_rng is not None:
            lists.append(first_items(scores, candidates, k=length, rng=lists_rng))
        others = np.take_along_axis(scores, negatives.items[block], axis=1)
        with_target = np.concatenate([target_scores, others], axis=1)
        sampled.append(_ranks(target_scores, with_target, np.ones(with_target.shape, np.bool_)))
    return Evaluation(
        stage=stage,
        people=people,
        ranks={protocol: _joined(ranks) for protocol, ranks in parts.items()},
        k=k,
        lists=np.concatenate(lists) if lists else None,
    )


def by_person(score: Callable[[int], NDArray[np.floating[Any]]]) -> Scorer:
    """Make a scorer of blocks from one of single people, such as a device's own ranking."""
    return lambda people: np.stack([score(int(person)) for person in people])


def _checked(
    scores: NDArray[np.floating[Any]], people: Int64Array, *, n_items: int
) -> NDArray[np.floating[Any]]:
    if scores.shape != (people.size, n_items):
        raise DataError(
            f"{people.size} people and {n_items} items need scores of shape "
            f"{(people.size, n_items)}; got {scores.shape}"
        )
    if np.isnan(scores).any():
        person = int(np.argmax(np.isnan(scores).any(axis=1)))
        raise DataError(
            f"scores of person {people[person]} are not numbers (NaN), so they have no order; "
            "look for a training run that diverged"
        )
    return scores


def _ranks(
    target: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    candidates: NDArray[np.bool_],
) -> Ranks:
    return Ranks(
        above=((scores > target) & candidates).sum(axis=1),
        tied=((scores == target) & candidates).sum(axis=1) - 1,
        candidates=candidates.sum(axis=1),
    )


def _joined(parts: list[Ranks]) -> Ranks:
    return Ranks(
        above=np.concatenate([part.above for part in parts]),
        tied=np.concatenate([part.tied for part in parts]),
        candidates=np.concatenate([part.candidates for part in parts]),
    )
