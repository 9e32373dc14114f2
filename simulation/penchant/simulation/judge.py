"""How well held-out items are ranked: the same people, candidates and negatives for every model."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.shared.scoring import Scorer
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.datasets.impressions import Impressions
from penchant.simulation.evaluation import (
    Evaluation,
    evaluate,
    evaluate_impressions,
    sample_negatives,
)
from penchant.simulation.evaluation import Scorer as PeopleScorer
from penchant.simulation.evaluation.negatives import SampledNegatives, blocks
from penchant.simulation.ranking import Contexts, VectorTable, rows_of, score_people
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Judge"]


@dataclass(frozen=True, eq=False)
class Judge:
    """One stage's held-out items and the negatives they are told from.

    Attributes:
        split: the split data set.
        negatives: drawn once.
        contexts: what the people have just done when the item is to be ranked.
        unseen_from: the first item that was kept from training, where all held-out items were.
    """

    split: LeaveOneOut
    negatives: SampledNegatives
    contexts: Contexts
    unseen_from: int | None = None

    @classmethod
    def of(
        cls,
        split: LeaveOneOut,
        stage: Stage,
        *,
        history_length: int,
        rng: np.random.Generator,
        unseen_from: int | None = None,
    ) -> "Judge":
        """Return the judge of a stage.

        Args:
            split: the split data set.
            stage: which held-out items are ranked.
            history_length: L, how many of the latest events the ranker sees.
            rng: draws the negatives.
            unseen_from: see above.
        """
        return cls(
            split,
            sample_negatives(split, stage=stage, rng=rng, or_fewer=True),
            Contexts.of(split, stage=stage, history_length=history_length),
            unseen_from,
        )

    def of_people(self, people: Int64Array) -> "Judge":
        """Return the judge of some of the people, increasing, with the negatives they have here."""
        rows = rows_of(people, among=self.negatives.people)
        return Judge(
            self.split.of_people(people),
            replace(self.negatives, people=people, items=self.negatives.items[rows]),
            self.contexts,
            self.unseen_from,
        )

    def ranking(self, scorer: Scorer, private_vectors: VectorTable) -> PeopleScorer:
        """Return the scores that a ranker and everybody's private vectors give."""

        def score(people: Int64Array) -> NDArray[np.float32]:
            return score_people(scorer, private_vectors[people], self.contexts.of_people(people))

        return score

    def evaluate(
        self, score: PeopleScorer, *, lists_rng: np.random.Generator | None = None
    ) -> Evaluation:
        """Rank every held-out item by all protocols.

        Args:
            score: gives the scores of all items for a block of people.
            lists_rng: keep everybody's first ten, and decide their ties by this; rank what is
                clicked of impressions as well, where the data have any.
        """
        found = evaluate(
            score,
            self.split,
            negatives=self.negatives,
            lists_rng=lists_rng,
            unseen_from=self.unseen_from,
        )
        impressions = self.split.training.impressions
        if lists_rng is None or impressions is None:
            return found
        shown = self._shown(score, impressions)
        return found if not shown else replace(found, impressions=evaluate_impressions(shown))

    def _shown(
        self, score: PeopleScorer, impressions: Impressions
    ) -> list[tuple[int, NDArray[np.floating[Any]], NDArray[np.bool_]]]:
        """Return person, scores and clicks of impressions that tell something.

        They are of the people who are evaluated, from their held-out event on, and are ranked by
        what the device knew just before it.
        """
        stage, people = self.negatives.stage, self.negatives.people
        times = self.split.test_times if stage == "test" else self.split.validation_times
        clicks = np.add.reduceat(impressions.clicked, impressions.offsets[:-1], dtype=np.int64)
        tells = (clicks > 0) & (clicks < np.diff(impressions.offsets))
        held = np.isin(impressions.people, people)
        chosen = np.flatnonzero(tells & held & (impressions.times >= times[impressions.people]))
        chosen = chosen[np.argsort(impressions.people[chosen], kind="stable")]
        found = []
        for block in blocks(people, n_items=self.split.training.n_items):
            some = people[block]
            of_block = chosen[np.isin(impressions.people[chosen], some)]
            if not len(of_block):
                continue
            scores = score(some)
            for impression in of_block:
                person = int(impressions.people[impression])
                own = slice(impressions.offsets[impression], impressions.offsets[impression + 1])
                row = np.searchsorted(some, person)
                found.append(
                    (person, scores[row, impressions.items[own]], impressions.clicked[own])
                )
        return found

    def loss(self, score: PeopleScorer) -> float:
        """Return the mean cross-entropy of the held-out items among all candidates, in nats."""
        stage, people = self.negatives.stage, self.negatives.people
        total = 0.0
        for block in blocks(people, n_items=self.split.training.n_items):
            some = people[block]
            scores = np.asarray(score(some), dtype=np.float64)
            targets = self.split.targets(stage)[some]
            chosen = scores[np.arange(len(some)), targets]
            scores[self.split.observed(some, stage=stage)] = -np.inf
            peak = scores.max(axis=1)
            partition = np.log(np.exp(scores - peak[:, None]).sum(axis=1)) + peak
            total += float((partition - chosen).sum())
        return total / len(people)
