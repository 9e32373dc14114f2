"""Local training where each device's ranker moves by itself: several steps, or clipping.

A device's ranker differs from the round's by its projections' changes and by numbers of the items
it meets; so each device gets a table of just these items, and batched products do the rest. Changes
are kept, not rankers: they are the update, exactly, and small.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.shared.contract import LearningRates, LocalTraining
from penchant.simulation.cohort.block import Block, BlockTraining
from penchant.simulation.cohort.chunks import Chunk
from penchant.simulation.cohort.examples import Examples
from penchant.simulation.cohort.nextevent import add_gradients
from penchant.simulation.cohort.start import Start
from penchant.simulation.cohort.tables import Attention, Gradients, Tables, item_table
from penchant.simulation.cohort.totals import UpdateTotal, clipping_factors, update_norms

__all__ = ["train_own_rankers"]


@dataclass(frozen=True, eq=False)
class _Met:
    """The items that each of n devices meets in its steps.

    Attributes:
        items: int64 (n, S), catalogue rows; the last of a shorter list are padding.
        steps: each step's examples, with rows of flat (n S) tables.
    """

    items: Tensor
    steps: list[Examples]

    @classmethod
    def of(cls, chunk: Chunk, *, items: int) -> "_Met":
        """Return what the devices of ``chunk`` meet, in a catalogue of J ``items``."""
        examples = chunk.steps
        devices = len(chunk.rows)
        parts = [
            part.reshape(devices, -1)
            for step in examples
            for part in (step.targets, step.negatives, step.context)
        ]
        rows = torch.cat(parts, dim=1)
        keys = (rows + items * torch.arange(devices)[:, None]).numpy()
        distinct, inverse = np.unique(keys, return_inverse=True)
        owner, item = np.divmod(distinct, items)
        starts = np.searchsorted(owner, np.arange(devices + 1))
        width = int(np.diff(starts).max())
        place = owner * width + np.arange(len(owner)) - starts[owner]
        rows_met = np.zeros(devices * width, dtype=np.int64)
        rows_met[place] = item
        local = torch.from_numpy(place[inverse].reshape(keys.shape))
        found = iter(torch.split(local, [part.shape[1] for part in parts], dim=1))
        return cls(
            torch.from_numpy(rows_met).view(devices, width),
            [
                Examples(
                    targets=next(found).view_as(step.targets),
                    negatives=next(found).view_as(step.negatives),
                    context=next(found).view_as(step.context),
                    weights=step.weights,
                    missing=step.missing,
                    ages=step.ages,
                    excluded=step.excluded,
                    kinds=step.kinds,
                )
                for step in examples
            ],
        )


class _OwnRankers:
    """The rankers of n devices, as changes of the round's."""

    def __init__(self, start: Start, met: _Met) -> None:
        devices, width = met.items.shape
        self._start = start
        self.items = met.items
        self._features = start.features[met.items]
        self._initial = Tables(start.tables.items[met.items], start.tables.context[met.items])
        self._moved = False
        by_item = {"popularity", "item_residual"}
        self.changes = {
            name: torch.zeros(
                devices, *((width, *array.shape[1:]) if name in by_item else array.shape)
            )
            for name, array in start.arrays.items()
        }

    def tables(self) -> Tables:
        """Return the tables of all devices, one after the other: n S rows."""
        if not self._moved:
            return Tables(self._initial.items.flatten(0, 1), self._initial.context.flatten(0, 1))
        d = self._start.settings.dimension
        changes = self.changes
        items = self._initial.items[..., :d] + self._features @ changes["item_projection"]
        context = items
        if "context_projection" in changes:
            context = self._initial.context + self._features @ changes["context_projection"]
        if "item_residual" in changes:
            items = items + changes["item_residual"]
            context = context + changes["item_residual"]
        popularity = self._initial.items[..., d] + changes["popularity"]
        return Tables(item_table(items, popularity).flatten(0, 1), context.flatten(0, 1))

    def attention(self) -> Attention | None:
        """Return each device's attention."""
        shared = self._start.attention
        if shared is None:
            return None
        return Attention(
            shared.position + self.changes["attention_position"][:, None],
            shared.age + self.changes["attention_age"][:, None],
            shared.kind + self.changes["attention_kind"][:, None],
        )

    def step(self, sums: Gradients, rates: LearningRates) -> None:
        """Move against the gradients."""
        self._moved = True
        for name, gradient in sums.by_array(self._features, self.changes).items():
            self.changes[name] -= rates.of(name) * gradient

    def add_to(self, total: UpdateTotal, finite: Tensor, factors: Tensor) -> None:
        """Add the changes of devices that are ``finite``, bool (n,), times ``factors``, (n,)."""
        for name, change in self.changes.items():
            array = total.arrays[name]
            change[~finite] = 0.0
            if name in ("popularity", "item_residual"):
                scaled = change * factors.view(-1, *[1] * (change.ndim - 1))
                array.index_add_(0, self.items.flatten(), scaled.flatten(0, 1))
            else:
                array += torch.tensordot(factors, change, dims=1)


def train_own_rankers(
    start: Start, block: Block, chunks: Iterable[Chunk], *, training: LocalTraining
) -> BlockTraining:
    """Return what the steps of each device in ``block`` give, each update clipped.

    Args:
        start: the round's ranker.
        block: the devices.
        chunks: the block in chunks.
        training: the round's public constants, without event privacy.
    """
    settings, rates = start.settings, training.rates
    vectors = block.private_vectors.copy()
    succeeded = np.ones(len(block.devices), dtype=np.bool_)
    total = UpdateTotal(settings)
    for chunk in chunks:
        met = _Met.of(chunk, items=settings.items)
        rankers = _OwnRankers(start, met)
        private = torch.from_numpy(block.private_vectors[chunk.rows])
        finite = torch.ones(len(chunk.rows), dtype=torch.bool)
        for examples in met.steps:
            sums = Gradients.zero(
                rows=met.items.numel(),
                dimension=settings.dimension,
                devices=len(chunk.rows),
                length=settings.history_length,
            )
            gradient, stayed_finite = add_gradients(
                examples, private, rankers.tables(), rankers.attention(), sums
            )
            rankers.step(sums, rates)
            private = private - rates.private_vector * gradient
            finite &= stayed_finite
        norms = update_norms(rankers.changes.values())
        finite &= norms.isfinite() & private.isfinite().all(1)
        rankers.add_to(total, finite, clipping_factors(norms, training.clipping_norm))
        kept = finite.numpy()
        vectors[chunk.rows[kept]] = private.numpy()[kept]
        succeeded[chunk.rows] = kept
    return BlockTraining(block.devices, succeeded, total.vector, vectors)
