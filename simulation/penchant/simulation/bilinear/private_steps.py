"""The local steps of private training, a block of devices at once; ``private`` has the algebra."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import expit

from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import FloatArray, Items
from penchant.simulation.bilinear.noise import draw_fed_back

__all__ = ["Block", "Settings", "train_block"]


@dataclass(frozen=True)
class Settings:
    """Public constants of the steps.

    Attributes:
        rate: learning rate over the places in a batch.
        clip: largest L2 norm of an example's gradient.
        deviation: standard deviation of the noise on each coordinate of a step's sum.
    """

    rate: float
    clip: float
    deviation: float


@dataclass(frozen=True, eq=False)
class Block:
    """What a block of devices leaves.

    Attributes:
        pulls: float32 (J + 1, d), for each item the vector whose outer products with its features
            sum to the update, but for its factor and the rest of the noise.
        spreads: float32 (J + 1, k + 1), ``FedBack.spreads`` summed by item; empty without noise.
        apart: float32 (k + 1, k + 1), of ``FedBack``.
        private_vectors: float32 (n, d).
    """

    pulls: FloatArray
    spreads: FloatArray
    apart: FloatArray
    private_vectors: FloatArray


def train_block(
    items: Items,
    examples: Examples,
    projected: FloatArray,
    vectors: FloatArray,
    *,
    settings: Settings,
    rng: np.random.Generator,
) -> Block:
    """Train a block's devices.

    Args:
        items: those of its examples among them.
        examples: of n devices, absent ones at the item of zeros.
        projected: float32 (J + 1, d), the items' features times the weights.
        vectors: float32 (n, d), private.
        settings: public constants.
        rng: draws the noise.
    """
    rate, deviation = settings.rate, settings.deviation
    devices, steps, size = examples.rows.shape
    dimension = vectors.shape[1]
    rows = examples.rows.reshape(devices, steps * size)
    features = items.of_rows(rows)
    products = np.matmul(features[:, size:], features.transpose(0, 2, 1))
    noise = np.zeros((devices, steps, dimension), dtype=np.float32)
    fed_back = None
    if deviation > 0:
        fed_back = draw_fed_back(
            features[:, size:],
            products[:, :, size:],
            batch_size=size,
            dimension=dimension,
            rng=rng,
        )
        rng.standard_normal(out=noise, dtype=np.float32)
        noise *= deviation
    hidden = projected.take(rows, axis=0)
    pulls = np.empty_like(hidden)
    for step in range(steps):
        here, before = slice(step * size, (step + 1) * size), slice(step * size)
        batch = hidden[:, here]
        if step > 0:
            later = slice((step - 1) * size, step * size)
            batch -= rate * np.matmul(products[:, later, before], pulls[:, before])
            if fed_back is not None:
                batch -= (rate * deviation) * fed_back.met[:, later]
        slopes = _clipped_slopes(
            batch,
            items.squared_norms[rows[:, here]],
            vectors,
            examples,
            step,
            clip=settings.clip,
        )
        pulls[:, here] = slopes[:, :, None] * vectors[:, None]
        vectors = vectors - rate * (np.matmul(slopes[:, None], batch)[:, 0] + noise[:, step])
    count = len(items.features)
    spreads = np.zeros((0, 0), dtype=np.float32)
    apart = np.zeros(2 * features.shape[2:], dtype=np.float32)
    if fed_back is not None:
        pulls[:, size:] += deviation * fed_back.pulls
        spreads = _summed_by_item(fed_back.spreads, rows[:, size:], count)
        apart = fed_back.apart
    return Block(_summed_by_item(pulls, rows, count), spreads, apart, vectors)


def _clipped_slopes(
    batch: FloatArray,
    squared_norms: FloatArray,
    vectors: FloatArray,
    examples: Examples,
    step: int,
    *,
    clip: float,
) -> FloatArray:
    """Return the losses' derivatives by the scores, scaled as clipping scales the gradients."""
    scores = np.matmul(batch, vectors[:, :, None])[:, :, 0]
    slopes: FloatArray = expit(scores) - examples.labels[:, step]
    if examples.present is not None:
        slopes *= examples.present[:, step]
    lengths = np.einsum("nmd,nmd->nm", batch, batch)
    lengths += squared_norms * np.einsum("nd,nd->n", vectors, vectors)[:, None]
    norms = np.abs(slopes) * np.sqrt(lengths)
    slopes *= np.minimum(1.0, clip / np.maximum(norms, 1e-30))
    return slopes


def _summed_by_item(pulls: FloatArray, rows: NDArray[np.int64], count: int) -> FloatArray:
    """Return the sums, float32 (count, p), of ``pulls`` (..., p) whose ``rows`` (...) agree."""
    where = rows.reshape(-1)
    ones = np.ones(len(where), dtype=np.float32)
    sums = scipy.sparse.csc_array(
        (ones, where, np.arange(len(where) + 1)), shape=(count, len(where))
    )
    found: FloatArray = sums @ pulls.reshape(-1, pulls.shape[-1])
    return found
