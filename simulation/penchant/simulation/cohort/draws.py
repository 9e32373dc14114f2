"""The draws of a block: the same batches and negatives that its devices would draw by themselves.

Only the draws are made one device after the other, each from its own stream; everything that
follows from them is worked out for the block at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.contract import LocalTraining
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import SECONDS_PER_HOUR
from penchant.simulation.cohort.block import Histories

__all__ = ["Batches", "Draws", "draw_events", "draw_examples", "excluded_negatives"]


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

    def of_devices(self, rows: NDArray[np.int64]) -> "Draws":
        """Return the draws of some devices, cut to their largest batch."""
        counts = self.counts[rows]
        largest = max(1, int(counts.max(initial=0)))
        return Draws(self.places[rows, :, :largest], counts, self.negatives[rows])


@dataclass(frozen=True, eq=False)
class Batches:
    """One step's examples of n devices; ``weights`` is 0 where a device has fewer than B.

    Attributes:
        targets: int64 (n, B), catalogue rows of the events to predict.
        weights: float32 (n, B), 1 / the device's number of examples, or 0.
        context: int64 (n, B, L), catalogue rows of the events before, latest first.
        missing: bool (n, B, L), where there is no event so far back.
        ages: float32 (n, B, L), log(1 + hours) from each context event to the target.
    """

    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    context: NDArray[np.int64]
    missing: NDArray[np.bool_]
    ages: NDArray[np.float32]

    @classmethod
    def of(
        cls, histories: Histories, rows: NDArray[np.int64], draws: Draws, *, step: int, length: int
    ) -> "Batches":
        """Return the examples of one step.

        Args:
            histories: events of the block.
            rows: int64 (n,), places in the block of the devices wanted.
            draws: what these devices drew.
            step: which step, from 0.
            length: L, how many earlier events an event is predicted from.
        """
        places, counts = draws.places[:, step], draws.counts[:, step, None]
        present = np.arange(places.shape[1]) < counts
        places = np.where(present, places, 0)
        # A device without events has no place of its own to point to; any will do, of weight 0.
        last = len(histories.items) - 1
        starts = np.minimum(histories.offsets[rows], max(last, 0))[:, None]
        events = starts + places
        lags = np.arange(1, length + 1)
        missing = (places[..., None] < lags) | ~present[..., None]
        before = np.where(missing, events[..., None], events[..., None] - lags)
        seconds = histories.times[events][..., None] - histories.times[before]
        ages = np.log1p(np.maximum(seconds, 0) / SECONDS_PER_HOUR).astype(np.float32)
        return cls(
            targets=histories.items[events],
            weights=np.where(present, 1 / np.maximum(counts, 1), 0).astype(np.float32),
            context=histories.items[before],
            missing=missing,
            ages=ages,
        )


def draw_examples(
    histories: Histories,
    streams: list[SeededRandomness],
    training: LocalTraining,
    *,
    items: int,
) -> Draws:
    """Return what devices draw for rounds without event privacy; see ``train_plainly``.

    Args:
        histories: their events.
        streams: each device's randomness of the round.
        training: the round's public constants.
        items: J, size of the catalogue.
    """
    lengths = histories.lengths
    largest = min(training.examples, int(lengths.max(initial=0)))
    places = np.broadcast_to(np.arange(largest), (len(lengths), training.steps, largest)).copy()
    negatives = _every_item(len(lengths), training, items)
    for row, (stream, length) in enumerate(zip(streams, lengths, strict=True)):
        if length == 0:
            continue  # trains nothing, and draws nothing
        for step in range(training.steps):
            if length > training.examples:
                keys = stream.uniform(int(length))
                places[row, step] = np.argpartition(keys, training.examples)[: training.examples]
            if training.negatives < items:
                negatives[row, step] = stream.integers(training.negatives, below=items)
    counts = np.minimum(lengths, training.examples)
    return Draws(places, np.repeat(counts[:, None], training.steps, axis=1), negatives)


def draw_events(
    histories: Histories,
    streams: list[SeededRandomness],
    training: LocalTraining,
    *,
    sampling_probability: float,
    items: int,
) -> Draws:
    """Return what devices draw for rounds with event privacy; see ``train_privately``.

    Args:
        histories: their events.
        streams: each device's randomness of the round.
        training: the round's public constants.
        sampling_probability: chance of each event to be in a step's batch.
        items: J, size of the catalogue.
    """
    lengths = histories.lengths
    negatives = _every_item(len(lengths), training, items)
    chosen = []
    for row, (stream, length) in enumerate(zip(streams, lengths, strict=True)):
        for step in range(training.steps):
            kept = stream.uniform(int(length)) < sampling_probability
            chosen.append(np.flatnonzero(kept))
            if training.negatives < items:
                negatives[row, step] = stream.integers(training.negatives, below=items)
    counts = np.array([len(kept) for kept in chosen], dtype=np.int64)
    places = np.zeros((len(chosen), max(1, int(counts.max(initial=0)))), dtype=np.int64)
    places[np.arange(places.shape[1]) < counts[:, None]] = np.concatenate(chosen)
    shape = (len(lengths), training.steps)
    return Draws(places.reshape(*shape, -1), counts.reshape(shape), negatives)


def excluded_negatives(
    histories: Histories,
    rows: NDArray[np.int64],
    negatives: NDArray[np.int64],
    *,
    items: int,
) -> NDArray[np.bool_]:
    """Return which negatives, int64 (n, ...), a device's person is known to like, bool."""
    known = np.zeros((len(rows), items), dtype=np.bool_)
    lengths = histories.lengths[rows]
    own = np.repeat(np.arange(len(rows)), lengths)
    within = np.arange(len(own)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    known[own, histories.items[np.repeat(histories.offsets[rows], lengths) + within]] = True
    places = np.arange(len(rows)).reshape(-1, *[1] * (negatives.ndim - 1))
    return known[places, negatives]


def _every_item(devices: int, training: LocalTraining, items: int) -> NDArray[np.int64]:
    number = min(training.negatives, items)
    shape = (devices, training.steps, number)
    return np.broadcast_to(np.arange(number), shape).copy()
