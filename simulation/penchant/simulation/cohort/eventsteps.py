"""Rounds with event-level privacy: a block's clipped gradients, and its noise.

Noise that feeds back must be drawn for each device: that on its private vector, which it keeps.
With one local step and no clipping of the update, the noise on the shared numbers only ever
appears as its sum over the block's n devices; independent of everything else, that sum is one
normal draw of variance n. The law of all private vectors and the summed update together is
therefore that of devices which draw all of it. With several steps, or where the update is clipped
by its own norm, every number feeds back, and each device draws all of its noise from its own
stream.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.client.training.rule import NOISE_KEY, TRAINED
from penchant.shared.contract import EventPrivacy, LocalTraining
from penchant.shared.errors import RoundError
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.cohort.block import Block, BlockTraining
from penchant.simulation.cohort.chunks import Chunk
from penchant.simulation.cohort.eventgradients import Candidates, clipped_sums
from penchant.simulation.cohort.examples import Examples
from penchant.simulation.cohort.start import Start
from penchant.simulation.cohort.totals import (
    UpdateTotal,
    clipping_factors,
    update_norms,
)

__all__ = ["train_events_apart", "train_events_together"]


def train_events_together(
    start: Start,
    block: Block,
    chunks: Iterable[Chunk],
    *,
    training: LocalTraining,
    privacy: EventPrivacy,
    noise: SeededRandomness,
) -> BlockTraining:
    """Return what one step of each device in ``block`` gives, updates not clipped.

    Args:
        start: the round's ranker.
        block: the devices.
        chunks: the block in chunks.
        training: the round's public constants.
        privacy: sampling, clipping and noise.
        noise: of the block.

    Raises:
        RoundError: the learning rates are so high that numbers overflow.
    """
    rates, divisor = training.rates, privacy.expected_batch_size
    deviation = privacy.noise_multiplier * privacy.clipping_norm
    total = UpdateTotal(start.settings)
    vectors = block.private_vectors.copy()
    for chunk in chunks:
        private = torch.from_numpy(block.private_vectors[chunk.rows])
        drawn = _Drawn.of(chunk.steps[0])
        rows = drawn.rows
        features = start.features[rows]
        candidates = drawn.candidates(start.tables.items[rows], features, private)
        on_private, on_targets, on_negatives = clipped_sums(
            candidates,
            private,
            clipping_norm=privacy.clipping_norm,
            residual="item_residual" in total.arrays,
        )
        vectors[chunk.rows] -= rates.private_vector / divisor * on_private.numpy()
        by_item = torch.cat([on_targets, on_negatives], dim=1)
        by_feature = (by_item[:, None] @ features)[:, 0]
        total.arrays["item_projection"].add_(by_feature.T @ private)
        total.arrays["popularity"].index_add_(0, rows.flatten(), by_item.flatten())
        if "item_residual" in total.arrays:
            by_row = (by_item[..., None] * private[:, None]).flatten(0, 1)
            total.arrays["item_residual"].index_add_(0, rows.flatten(), by_row)
    scale = rates.private_vector / divisor * deviation
    vectors -= (scale * noise.normal(vectors.size)).astype(np.float32).reshape(vectors.shape)
    summed_deviation = deviation * np.sqrt(len(block.devices))
    for name in TRAINED:
        if name in total.arrays:
            array = total.arrays[name]
            drawn = (summed_deviation * noise.normal(array.numel())).astype(np.float32)
            array += torch.from_numpy(drawn).view_as(array)
            array *= -rates.of(name) / divisor
    if not (np.isfinite(vectors).all() and np.isfinite(total.vector).all()):
        raise RoundError("training gave numbers that are not finite; lower the learning rates")
    succeeded = np.ones(len(vectors), dtype=np.bool_)
    return BlockTraining(block.devices, succeeded, total.vector, vectors)


def train_events_apart(
    start: Start,
    block: Block,
    chunks: Iterable[Chunk],
    *,
    training: LocalTraining,
    privacy: EventPrivacy,
    streams: list[SeededRandomness],
) -> BlockTraining:
    """Return what the steps of each device in ``block`` give, each update clipped.

    Args:
        start: the round's ranker.
        block: the devices.
        chunks: the block in chunks.
        training: the round's public constants.
        privacy: sampling, clipping and noise.
        streams: each device's randomness of the round.
    """
    total = UpdateTotal(start.settings)
    vectors = block.private_vectors.copy()
    succeeded = np.ones(len(block.devices), dtype=np.bool_)
    for chunk in chunks:
        rankers = _NoisyRankers(start, torch.from_numpy(vectors[chunk.rows]))
        noise = [streams[row].spawn(NOISE_KEY) for row in chunk.rows]
        for examples in chunk.steps:
            rankers.step(examples, noise, training=training, privacy=privacy)
        norms = update_norms(rankers.changes.values())
        finite = norms.isfinite() & rankers.private.isfinite().all(1)
        factors = clipping_factors(norms, training.clipping_norm)
        for name, change in rankers.changes.items():
            change[~finite] = 0.0
            total.arrays[name].add_(torch.tensordot(factors, change, dims=1))
        kept = finite.numpy()
        vectors[chunk.rows[kept]] = rankers.private.numpy()[kept]
        succeeded[chunk.rows] = kept
    return BlockTraining(block.devices, succeeded, total.vector, vectors)


class _NoisyRankers:
    """The rankers and private vectors of n devices; noise moves all of their numbers."""

    def __init__(self, start: Start, private: Tensor) -> None:
        self._start = start
        self.private = private
        self.changes = {
            name: torch.zeros(len(private), *start.arrays[name].shape)
            for name in TRAINED
            if name in start.arrays
        }

    def step(
        self,
        examples: Examples,
        noise: list[SeededRandomness],
        *,
        training: LocalTraining,
        privacy: EventPrivacy,
    ) -> None:
        """Take a step."""
        drawn = _Drawn.of(examples)
        rows = drawn.rows
        features = self._start.features[rows]
        candidates = drawn.candidates(self._table(rows, features), features, self.private)
        on_private, *on_items = clipped_sums(
            candidates,
            self.private,
            clipping_norm=privacy.clipping_norm,
            residual="item_residual" in self.changes,
        )
        by_item = torch.cat(on_items, dim=1)
        gradients = {"private_vector": on_private} | self._on_shared(rows, by_item, features)
        deviation = privacy.noise_multiplier * privacy.clipping_norm
        size = sum(gradient[0].numel() for gradient in gradients.values())
        normal = np.stack([deviation * stream.normal(size) for stream in noise])
        pieces = torch.split(
            torch.from_numpy(normal.astype(np.float32)),
            [gradient[0].numel() for gradient in gradients.values()],
            dim=1,
        )
        for (name, gradient), piece in zip(gradients.items(), pieces, strict=True):
            rate = training.rates.of(name) / privacy.expected_batch_size
            moved = self.private if name == "private_vector" else self.changes[name]
            moved -= rate * (gradient + piece.view_as(gradient))

    def _table(self, rows: Tensor, features: Tensor) -> Tensor:
        """Return rows [item vector, popularity, 1] of each device's own ranker."""
        table = self._start.tables.items[rows]
        places = torch.arange(len(rows))[:, None]
        dimension = self._start.settings.dimension
        table[..., :dimension] += features @ self.changes["item_projection"]
        table[..., dimension] += self.changes["popularity"][places, rows]
        if "item_residual" in self.changes:
            table[..., :dimension] += self.changes["item_residual"][places, rows]
        return table

    def _on_shared(self, rows: Tensor, by_item: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Return the gradients by shared number from those by score, float32 (n, C)."""
        by_feature = (by_item[:, None] @ features)[:, 0]
        popularity = torch.zeros_like(self.changes["popularity"])
        popularity.scatter_add_(1, rows, by_item)
        gradients = {
            "item_projection": by_feature[..., None] * self.private[:, None],
            "popularity": popularity,
        }
        if "item_residual" in self.changes:
            gradients["item_residual"] = popularity[..., None] * self.private[:, None]
        return gradients


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What n devices drew for one step.

    Attributes:
        targets: int64 (n, B), catalogue rows.
        present: bool (n, B), where there is a target.
        negatives: int64 (n, N), catalogue rows.
    """

    targets: Tensor
    present: Tensor
    negatives: Tensor

    @classmethod
    def of(cls, examples: Examples) -> "_Drawn":
        """Return what the devices of a chunk drew for a step."""
        return cls(examples.targets, examples.weights > 0, examples.negatives)

    @property
    def rows(self) -> Tensor:
        """Catalogue rows of all candidates, targets first, int64 (n, B + N)."""
        return torch.cat([self.targets, self.negatives], dim=1)

    def candidates(self, table: Tensor, features: Tensor, private: Tensor) -> Candidates:
        """Return the candidates.

        Args:
            table: float32 (n, B + N, d + 2), rows [item vector, popularity, 1].
            features: float32 (n, B + N, k).
            private: float32 (n, d), private vectors.
        """
        dimension, batch = private.shape[1], self.targets.shape[1]
        scores = (table[..., :dimension] @ private[..., None])[..., 0] + table[..., dimension]
        times, repeats = _occurrences(self.targets.numpy(), self.negatives.numpy())
        return Candidates(
            target_vectors=table[:, :batch, :dimension],
            target_scores=scores[:, :batch],
            target_features=features[:, :batch],
            present=self.present,
            negative_vectors=table[:, batch:, :dimension],
            negative_scores=scores[:, batch:],
            negative_features=features[:, batch:],
            times_among_negatives=times,
            repeats=repeats,
        )


def _occurrences(targets: NDArray[np.int64], negatives: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Return how often each target, and each negative, is among its device's negatives."""
    stride = 1 + max(targets.max(initial=0), negatives.max(initial=0))
    offsets = stride * np.arange(len(targets))[:, None]
    distinct, inverse, counts = np.unique(
        negatives + offsets, return_inverse=True, return_counts=True
    )
    keys = targets + offsets
    places = np.searchsorted(distinct, keys).clip(max=len(distinct) - 1)
    times = np.where(distinct[places] == keys, counts[places], 0)
    repeats = counts[inverse].reshape(negatives.shape)
    return torch.from_numpy(times).double(), torch.from_numpy(repeats).double()
