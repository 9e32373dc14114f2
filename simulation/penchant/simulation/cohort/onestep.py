"""One local step without clipping: a block's updates only ever appear as their sum.

All devices start from the round's ranker, so one table of item vectors serves them all, and the
sum of their gradients with respect to a projection is one product: with G, float32 (J, d), the
gradients of the item vectors summed over the block, that of the projection is F' G.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.shared.contract import LearningRates
from penchant.simulation.cohort.block import Block, BlockTraining
from penchant.simulation.cohort.chunks import Chunk
from penchant.simulation.cohort.nextevent import add_gradients
from penchant.simulation.cohort.start import Start
from penchant.simulation.cohort.tables import Gradients
from penchant.simulation.cohort.totals import UpdateTotal

__all__ = ["train_one_step"]


def train_one_step(
    start: Start, block: Block, chunks: Iterable[Chunk], *, rates: LearningRates
) -> BlockTraining:
    """Return what one step of each device in ``block`` gives.

    Args:
        start: the round's ranker.
        block: the devices.
        chunks: the block in chunks.
        rates: step sizes.
    """
    settings = start.settings
    vectors = block.private_vectors.copy()
    succeeded = np.ones(len(block.devices), dtype=np.bool_)
    sums = Gradients.zero(
        rows=settings.items,
        dimension=settings.dimension,
        devices=1,
        length=settings.history_length,
    )
    for chunk in chunks:
        gradient, finite = add_gradients(
            chunk.steps[0],
            torch.from_numpy(block.private_vectors[chunk.rows]),
            start.tables,
            start.attention,
            sums,
        )
        vectors[chunk.rows] -= rates.private_vector * gradient.numpy()
        succeeded[chunk.rows] = finite.numpy()
    return BlockTraining(block.devices, succeeded, _total(start, sums, rates), vectors)


def _total(start: Start, sums: Gradients, rates: LearningRates) -> NDArray[np.float32]:
    total = UpdateTotal(start.settings)
    on_items, popularity = torch.split(sums.items, [start.settings.dimension, 1], dim=1)
    if "context_projection" not in total.arrays:
        on_items = on_items + sums.context
        by_projection = {"item_projection": start.features.T @ on_items}
    else:
        both = start.features.T @ torch.cat([on_items, sums.context], dim=1)
        pair = torch.split(both, start.settings.dimension, dim=1)
        by_projection = dict(zip(("item_projection", "context_projection"), pair, strict=True))
    for name, array in total.arrays.items():
        if name in by_projection:
            array += by_projection[name]
        elif name == "popularity":
            array += popularity[:, 0]
        elif name == "item_residual":
            array += on_items + sums.context
        elif name == "attention_position":
            array += sums.position[0]
        elif name == "attention_age":
            array += sums.age
        array *= -rates.of(name)
    return total.vector
