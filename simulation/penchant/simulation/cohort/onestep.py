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
    for name, gradient in sums.by_array(start.features, total.arrays).items():
        array = total.arrays[name]
        array -= rates.of(name) * gradient.view_as(array)
    return total.vector
