"""How well held-out items are ranked: the same people, candidates and negatives for every model."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.shared.scoring import Scorer
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.evaluation import Evaluation, evaluate, sample_negatives
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
            sample_negatives(split, stage=stage, rng=rng),
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
            lists_rng: keep everybody's first ten, and decide their ties by this.
        """
        return evaluate(
            score,
            self.split,
            negatives=self.negatives,
            lists_rng=lists_rng,
            unseen_from=self.unseen_from,
        )

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
