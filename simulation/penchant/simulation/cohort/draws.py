"""The draws of a block: the same batches and negatives that its devices would draw by themselves.

Only the draws are made one device after the other, each from its own stream; everything that
follows from them is worked out for the block at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.contract import LocalTraining
from penchant.simulation.cohort.block import Histories

__all__ = ["Draws", "draw_events", "draw_examples"]


@dataclass(frozen=True, eq=False)
class Draws:
    """What each of n devices drew for each of S steps.

    Attributes:
        places: int64 (n, S, B), places in the device's history of the events to predict; any
            number from ``counts`` on.
        counts: int64 (n, S), how many events a step has.
        negatives: int64 (n, S, N), catalogue rows.
    """

    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    negatives: NDArray[np.int64]


def draw_examples(
    histories: Histories,
    generators: Iterable[np.random.Generator],
    training: LocalTraining,
    *,
    items: int,
) -> Draws:
    """Return what devices draw for rounds without event privacy; see ``train_plainly``.

    Args:
        histories: their events.
        generators: each device's stream of the round.
        training: the round's public constants.
        items: J, size of the catalogue.
    """
    lengths = histories.lengths
    largest = min(training.examples, max(1, int(lengths.max(initial=0))))
    places = np.broadcast_to(np.arange(largest), (len(lengths), training.steps, largest)).copy()
    negatives = _every_item(len(lengths), training, items)
    for row, (generator, length) in enumerate(zip(generators, lengths, strict=True)):
        if length == 0:
            continue  # trains nothing, and draws nothing
        for step in range(training.steps):
            if length > training.examples:
                keys = generator.random(int(length))
                places[row, step] = np.argpartition(keys, training.examples)[: training.examples]
            if training.negatives < items:
                negatives[row, step] = generator.integers(items, size=training.negatives)
    counts = np.minimum(lengths, training.examples)
    return Draws(places, np.repeat(counts[:, None], training.steps, axis=1), negatives)


def draw_events(
    histories: Histories,
    generators: Iterable[np.random.Generator],
    training: LocalTraining,
    *,
    sampling_probability: float,
    items: int,
) -> Draws:
    """Return what devices draw for rounds with event privacy; see ``train_privately``.

    Args:
        histories: their events.
        generators: each device's stream of the round.
        training: the round's public constants.
        sampling_probability: chance of each event to be in a step's batch.
        items: J, size of the catalogue.
    """
    lengths = histories.lengths
    negatives = _every_item(len(lengths), training, items)
    chosen = []
    for row, (generator, length) in enumerate(zip(generators, lengths, strict=True)):
        for step in range(training.steps):
            kept = generator.random(int(length)) < sampling_probability
            chosen.append(np.flatnonzero(kept))
            if training.negatives < items:
                negatives[row, step] = generator.integers(items, size=training.negatives)
    counts = np.array([len(kept) for kept in chosen], dtype=np.int64)
    places = np.zeros((len(chosen), max(1, int(counts.max(initial=0)))), dtype=np.int64)
    places[np.arange(places.shape[1]) < counts[:, None]] = np.concatenate(chosen)
    shape = (len(lengths), training.steps)
    return Draws(places.reshape(*shape, -1), counts.reshape(shape), negatives)


def _every_item(devices: int, training: LocalTraining, items: int) -> NDArray[np.int64]:
    number = min(training.negatives, items)
    shape = (devices, training.steps, number)
    return np.broadcast_to(np.arange(number), shape).copy()
