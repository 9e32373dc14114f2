"""Scores of many people at once: the same numbers as each device's own, without the devices."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.client import EventKind
from penchant.shared.errors import DataError
from penchant.shared.scoring import Scorer, log_hours
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["Contexts", "VectorTable", "WithNewPeople", "rows_of", "score_people"]


class VectorTable(Protocol):
    """Private vectors of everybody, however they are kept."""

    def __getitem__(self, people: Int64Array, /) -> NDArray[np.float32]:
        """Return the vectors of ``people``, int64 (n,): float32 (n, d)."""


@dataclass(frozen=True, eq=False)
class WithNewPeople:
    """Private vectors of those who train, and zeros for whoever comes after them.

    Attributes:
        table: of those who train.
        people: how many they are.
    """

    table: VectorTable
    people: int

    def __getitem__(self, people: Int64Array, /) -> NDArray[np.float32]:
        """Return the vectors of ``people``, int64 (n,): float32 (n, d)."""
        vectors = self.table[np.minimum(people, self.people - 1)].copy()
        vectors[people >= self.people] = 0.0
        return vectors


@dataclass(frozen=True, eq=False)
class Contexts:
    """The latest events of people at one stage, when the held-out item was met.

    Attributes:
        people: int64 (n,), whose they are, increasing.
        items: int64 (n, L), catalogue rows, latest first; any row where ``missing``.
        missing: bool (n, L), where a person has no event so far back.
        ages: float32 (n, L), log(1 + hours) from each event to the held-out one.
        kinds: int64 (n, L), numbers of kinds; None where all are views.
    """

    people: Int64Array
    items: NDArray[np.int64]
    missing: NDArray[np.bool_]
    ages: NDArray[np.float32]
    kinds: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, split: LeaveOneOut, *, stage: Stage, history_length: int) -> "Contexts":
        """Return the contexts from which the held-out items of ``split.people`` are predicted."""
        people, training = split.people, split.training
        ends = training.offsets[people + 1, np.newaxis]
        events = ends - 1 - np.arange(history_length)
        missing = events < training.offsets[people, np.newaxis]
        events[missing] = 0
        items, times = training.items[events].astype(np.int64), training.times[events]
        kinds = None if training.kinds is None else training.kinds[events].astype(np.int64)
        moments = split.validation_times[people]
        if stage == "test":
            items = np.column_stack([split.validation_items[people], items[:, :-1]])
            missing = np.column_stack([np.zeros_like(moments, np.bool_), missing[:, :-1]])
            times = np.column_stack([moments, times[:, :-1]])
            if kinds is not None and split.validation_kinds is not None:
                kinds = np.column_stack([split.validation_kinds[people], kinds[:, :-1]])
            moments = split.test_times[people]
        ages = log_hours(moments[:, np.newaxis] - times)
        return cls(
            people,
            np.where(missing, 0, items),
            missing,
            np.where(missing, 0, ages).astype(np.float32),
            kinds,
        )

    def of_people(self, people: Int64Array) -> "Contexts":
        """Return the contexts of some people, in their order.

        Raises:
            DataError: there is none of one of them.
        """
        rows = rows_of(people, among=self.people)
        kinds = None if self.kinds is None else self.kinds[rows]
        return Contexts(people, self.items[rows], self.missing[rows], self.ages[rows], kinds)


def rows_of(people: Int64Array, *, among: Int64Array) -> Int64Array:
    """Return where each of ``people`` stands in the increasing ``among``.

    Raises:
        DataError: somebody is not there.
    """
    rows = np.searchsorted(among, people)
    found = among[np.minimum(rows, len(among) - 1)] if len(among) else np.full(len(people), -1)
    if not np.array_equal(found, people):
        raise DataError(
            f"person {people[np.argmax(found != people)]} is not among the {len(among)} who are "
            "evaluated; take people of the split's"
        )
    return rows


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
        kinds = EventKind.VIEW.number if contexts.kinds is None else contexts.kinds
        logits = (
            arrays["attention_position"]
            + arrays["attention_kind"][kinds]
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
