"""The no-federation control: the same model, trained by each device alone.

A device on its own knows its person's events and the items' texts, and nothing of anybody else. It
takes the local steps that it would have taken in the run, on a ranker of its own, with the server
optimiser applied to its own updates, and without noise: there is nobody to hide from.

What it ranks well it owes to the items' texts. With the texts shuffled, for each device anew, it
owes nothing to them either, and must be at chance: that is the check for leaks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.client.training.rounds import train_round
from penchant.server.optimiser import Moments, ServerOptimiser
from penchant.shared.contract import TrainingTask
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer
from penchant.simulation.datasets.dataset import Dataset, Int64Array
from penchant.simulation.evaluation import evenly_spaced
from penchant.simulation.plan import Plan
from penchant.simulation.ranking import Contexts, score_people

__all__ = ["IsolatedDevices", "sample_people"]

SAMPLE = 100
SHUFFLE_KEY = 0  # rounds are numbered from 1


def sample_people(people: Int64Array) -> Int64Array:
    """Return at most 100 of ``people``, evenly spaced: training each alone is slow."""
    return evenly_spaced(people, count=SAMPLE)


@dataclass(frozen=True, eq=False)
class IsolatedDevices:
    """Devices that never hear of each other.

    Attributes:
        scorer: the ranker each starts from.
        training: everybody's training events.
        plan: constants of the run they are a control for.
        contexts: what those who are to be ranked for have just done.
        randomness: device i draws from the stream named i.
        shuffled: give each device the items' texts in an order of its own, which tells it nothing.
    """

    scorer: Scorer
    training: Dataset
    plan: Plan
    contexts: Contexts
    randomness: SeededRandomness
    shuffled: bool

    def score(self, people: Int64Array) -> NDArray[np.floating[Any]]:
        """Train each of ``people`` alone and return its scores of all items, float32 (n, J)."""
        return np.stack([self._score_one(int(person)) for person in people])

    def _score_one(self, person: int) -> NDArray[np.float32]:
        scorer = self._scorer_of(person)
        ranker = scorer.ranker
        rounds = self.plan.rounds_of_a_device
        optimiser = ServerOptimiser(self.plan.rounds.optimiser, ranker.settings, rounds=rounds)
        history = self._history(person, scorer.features)
        vector, moments = ranker.vector, Moments.zero(len(ranker.vector))
        private_vector = np.zeros(ranker.settings.dimension, dtype=np.float32)
        for round_number in range(1, rounds + 1):
            trained = train_round(
                TrainingTask(ranker.model_id, round_number, self.plan.plain_training, vector),
                settings=ranker.settings,
                item_features=scorer.features,
                history=history,
                private_vector=private_vector,
                randomness=self.randomness.spawn(person, round_number),
            )
            private_vector = trained.private_vector
            step, moments = optimiser.step(trained.update, moments, round_number=round_number)
            vector = vector + step
        scores = score_people(
            scorer.with_vector(vector),
            private_vector[None],
            self.contexts.of_people(np.array([person])),
        )
        return scores.ravel()

    def _scorer_of(self, person: int) -> Scorer:
        if not self.shuffled:
            return self.scorer
        keys = self.randomness.spawn(person, SHUFFLE_KEY).uniform(len(self.scorer.features))
        return self.scorer.with_features(self.scorer.features[np.argsort(keys)])

    def _history(self, person: int, features: NDArray[np.float32]) -> History:
        items, times = self.training.history(person)
        rows = items.astype(np.int64)
        return History(
            features=features[rows],
            items=rows,
            kinds=self.training.kinds_of(person),
            times=times,
        )
