"""Scores of many people at once: the same numbers as each device's own, without the devices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.client import EventKind
from penchant.shared.scoring import SECONDS_PER_HOUR, Scorer
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Contexts", "score_people"]


@dataclass(frozen=True, eq=False)
class Contexts:
    """The latest events of every person at one stage, when the held-out item was met.

    Attributes:
        items: int64 (n, L), catalogue rows, latest first; any row where ``missing``.
        missing: bool (n, L), where a person has no event so far back.
        ages: float32 (n, L), log(1 + hours) from each event to the held-out one.
    """

    items: NDArray[np.int64]
    missing: NDArray[np.bool_]
    ages: NDArray[np.float32]

    @classmethod
    def of(cls, split: LeaveOneOut, *, stage: Stage, history_length: int) -> "Contexts":
        """Return the contexts from which a stage's held-out items are predicted."""
        people = split.training.n_people
        items = np.zeros((people, history_length), dtype=np.int64)
        missing = np.ones((people, history_length), dtype=np.bool_)
        ages = np.zeros((people, history_length), dtype=np.float32)
        moments = split.validation_times if stage == "validation" else split.test_times
        for person in range(people):
            history, times = split.history(person, stage=stage)
            count = min(history_length, len(history))
            if count == 0:
                continue
            items[person, :count] = history[-count:][::-1]
            missing[person, :count] = False
            seconds = np.maximum(moments[person] - times[-count:][::-1], 0)
            ages[person, :count] = np.log1p(seconds / SECONDS_PER_HOUR)
        return cls(items, missing, ages)

    def of_people(self, people: Int64Array) -> "Contexts":
        """Return the contexts of some people, in their order."""
        return Contexts(self.items[people], self.missing[people], self.ages[people])


def score_people(
    scorer: Scorer,
    private_vectors: NDArray[np.float32],
    contexts: Contexts,
) -> NDArray[np.float32]:
    """Return the scores of all items for n people, float32 (n, J).

    Args:
        scorer: ranker and catalogue.
        private_vectors: float32 (n, d), of these people.
        contexts: of these people.
    """
    arrays = scorer.ranker.arrays
    logits = np.zeros_like(contexts.ages)
    if "attention_position" in arrays:
        logits = (
            arrays["attention_position"]
            + arrays["attention_kind"][EventKind.VIEW.number]
            + arrays["attention_age"][0] * contexts.ages
        )
    logits[contexts.missing] = -np.inf
    peak = np.max(logits, axis=1, keepdims=True, initial=np.finfo(np.float32).min)
    weights = np.exp(logits - peak)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)
    projected = scorer.context_vectors[contexts.items]
    profiles = private_vectors + np.einsum("nl,nld->nd", weights, projected)
    scores: NDArray[np.float32] = np.matmul(profiles, scorer.item_vectors.T)
    return scores + arrays["popularity"]
