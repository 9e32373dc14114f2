"""Private vectors by the device's own training rule, of many people at many moments at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.shared.contract import LearningRates, LocalTraining, TrainingTask
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer
from penchant.simulation.cohort.block import Block, Constants, Histories
from penchant.simulation.cohort.engine import train_block
from penchant.simulation.drift.switches import Switched
from penchant.simulation.plan import Plan

__all__ = ["Span", "VectorTraining", "trained_vectors"]

Span: TypeAlias = tuple[int, int]  # the first event, from 0, and the first one after


@dataclass(frozen=True, eq=False)
class VectorTraining:
    """How private vectors are trained against a ranker that does not move any more.

    Attributes:
        local: constants of a round; no step moves anything but the private vector.
        rounds: how many rounds are trained.
        randomness: draws examples and negatives.
    """

    local: LocalTraining
    rounds: int
    randomness: SeededRandomness

    @classmethod
    def of(cls, plan: Plan, *, randomness: SeededRandomness) -> Self:
        """Return the training of a run's devices, as many rounds as each took on average.

        Event-level noise stays, for it is the device's own; what protects an update is left out,
        since there is none.
        """
        local, nothing = plan.rounds.training, dict.fromkeys(LearningRates.model_fields, 0.0)
        rates = LearningRates(**{**nothing, "private_vector": local.rates.private_vector})
        rounds = plan.rounds_of_a_device
        return cls(
            local.model_copy(update={"rates": rates, "clipping_norm": None}), rounds, randomness
        )


def trained_vectors(
    people: Sequence[Switched],
    spans: Sequence[Sequence[Span]],
    scorer: Scorer,
    training: VectorTraining,
) -> list[dict[Span, NDArray[np.float32]]]:
    """Train private vectors on some of people's events, each time anew from zero.

    Args:
        people: their events.
        spans: for each, the runs of events that vectors are wanted of; none is empty.
        scorer: the trained ranker over the catalogue.
        training: how.

    Returns:
        For each person, the vectors, float32 (d,), by the run of events.
    """
    found: list[dict[Span, NDArray[np.float32]]] = [{} for _ in people]
    wanted = [(row, span) for row, some in enumerate(spans) for span in some]
    if not wanted:
        return found
    # As in a run: tensors are too small to share between threads, and one adds up in one order.
    torch.set_num_threads(1)
    ranker = scorer.ranker
    constants = Constants(ranker.settings, scorer.features, training.randomness)
    vectors = np.zeros((len(wanted), ranker.settings.dimension), dtype=np.float32)
    devices, histories = np.arange(len(wanted)), _histories(people, wanted)
    for round_number in range(1, training.rounds + 1):
        task = TrainingTask(ranker.model_id, round_number, training.local, ranker.vector)
        vectors = train_block(constants, task, Block(devices, histories, vectors)).private_vectors
    for (row, span), vector in zip(wanted, vectors, strict=True):
        found[row][span] = vector
    return found


def _histories(people: Sequence[Switched], wanted: Sequence[tuple[int, Span]]) -> Histories:
    """Return runs of people's events as histories, one device each."""
    items = np.concatenate([people[row].items[first:end] for row, (first, end) in wanted])
    times = np.concatenate([people[row].times[first:end] for row, (first, end) in wanted])
    offsets = np.cumsum([0, *(end - first for _, (first, end) in wanted)])
    return Histories(offsets, items, times)
