"""The local steps of private training, a block of devices at once; ``private`` has the algebra."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from penchant.simulation.bilinear.blocks import blocks_of
from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import FloatArray, Items
from penchant.simulation.bilinear.noise import FedBack, draw_fed_back, standard_normal
from penchant.simulation.bilinear.scratch import scratch

__all__ = ["Settings", "Sums", "train_block"]

FEW = 10  # devices whose features stay in the cache between two products


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
class Sums:
    """What blocks of devices leave, each its own.

    Attributes:
        pulls: float32 (B, J + 1, d), for each item the vector whose outer products with its
            features sum to the update, but for its factor and the rest of the noise.
        spreads: float32 (B, J + 1, k + 1), ``FedBack.inner`` times the features, summed by item.
        apart: float32 (B, k + 1, k + 1), the sum of P' P over the devices apart in ``FedBack``.
    """

    pulls: FloatArray
    spreads: FloatArray
    apart: FloatArray

    @classmethod
    def of_blocks(cls, blocks: int, items: Items, *, dimension: int) -> Self:
        """Return sums to be cleared before use, valid until the next are asked for."""
        count, width = items.features.shape
        shapes = {"pulls": (count, dimension), "spreads": (count, width), "apart": (width, width)}
        return cls(**{name: scratch(name, (blocks, *shape)) for name, shape in shapes.items()})

    def clear(self) -> None:
        """Make them sums of nothing."""
        for array in (self.pulls, self.spreads, self.apart):
            array.fill(0.0)

    def of(self, block: int) -> Self:
        """Return one block's."""
        return type(self)(self.pulls[block], self.spreads[block], self.apart[block])


def train_block(
    items: Items,
    examples: Examples,
    projected: FloatArray,
    vectors: FloatArray,
    sums: Sums,
    *,
    settings: Settings,
    rng: np.random.Generator,
) -> FloatArray:
    """Train a block's devices and return their private vectors, float32 (n, d).

    Args:
        items: those of its examples among them.
        examples: of n devices, absent ones at the item of zeros.
        projected: float32 (J + 1, d), the items' features times the weights.
        vectors: float32 (n, d), private.
        sums: the block's, to be filled.
        settings: public constants.
        rng: draws the noise.
    """
    sums.clear()
    devices, steps, size = examples.rows.shape
    rows = examples.rows.reshape(devices, steps * size)
    products = _products(items, rows, size)
    noise = None
    if settings.deviation > 0:
        noise = _draw(items, products[:, :, size:], examples, vectors.shape[1], rng)
    pulls, vectors = _steps(items, examples, projected, vectors, products, noise, settings=settings)
    if noise is not None:
        pulls[:, size:] += settings.deviation * noise.shared.pulls
        _add_spreads(sums.spreads, items, rows[:, size:], noise.shared.inner)
        np.matmul(noise.shared.apart.T, noise.shared.apart, out=sums.apart)
    _add_by_item(sums.pulls, rows, pulls)
    return vectors


def _products(items: Items, rows: NDArray[np.int64], size: int) -> FloatArray:
    """Return products of all but the first ``size`` examples with all, float32 (n, L, L + size)."""
    devices, count = rows.shape
    products = scratch("products", (devices, count - size, count))
    for few in blocks_of(devices, size=FEW):
        features = items.of_rows(rows[few])
        np.matmul(features[:, size:], features.transpose(0, 2, 1), out=products[few])
    return products


def _add_spreads(
    spreads: FloatArray, items: Items, rows: NDArray[np.int64], inner: FloatArray
) -> None:
    """Add ``inner`` times the features of ``rows`` to the ``spreads`` of their items."""
    for few in blocks_of(len(rows), size=FEW):
        features = items.of_rows(rows[few])
        product = np.matmul(inner[few], features, out=scratch("spreads of few", features.shape))
        _add_by_item(spreads, rows[few], product)


@dataclass(frozen=True, eq=False)
class _Noise:
    """What devices meet of their noise, of deviation 1.

    Attributes:
        shared: on the weights.
        private: float32 (n, S, d), on the private vectors.
    """

    shared: FedBack
    private: FloatArray


def _draw(
    items: Items,
    products: FloatArray,
    examples: Examples,
    dimension: int,
    rng: np.random.Generator,
) -> _Noise:
    devices, steps, size = examples.rows.shape
    rows = examples.rows[:, 1:].reshape(devices, (steps - 1) * size)
    shared = draw_fed_back(items, rows, products, batch_size=size, dimension=dimension, rng=rng)
    private = standard_normal((devices, steps, dimension), rng)
    return _Noise(shared, private)


def _steps(
    items: Items,
    examples: Examples,
    projected: FloatArray,
    vectors: FloatArray,
    products: FloatArray,
    noise: _Noise | None,
    *,
    settings: Settings,
) -> tuple[FloatArray, FloatArray]:
    """Return the examples' pulls, float32 (n, S m, d), and the private vectors, (n, d)."""
    rate, deviation = settings.rate, settings.deviation
    _, steps, size = examples.rows.shape
    rows = examples.rows.reshape(examples.devices, steps * size)
    hidden = projected.take(rows, axis=0)
    pulls = np.empty_like(hidden)
    for step in range(steps):
        here, before = slice(step * size, (step + 1) * size), slice(step * size)
        batch = hidden[:, here]
        if step > 0:
            later = slice((step - 1) * size, step * size)
            batch -= rate * np.matmul(products[:, later, before], pulls[:, before])
            if noise is not None:
                batch -= (rate * deviation) * noise.shared.met[:, later]
        slopes = _clipped_slopes(
            batch,
            items.squared_norms[rows[:, here]],
            vectors,
            examples,
            step,
            clip=settings.clip,
        )
        pulls[:, here] = slopes[:, :, None] * vectors[:, None]
        vectors = vectors - rate * np.matmul(slopes[:, None], batch)[:, 0]
        if noise is not None:
            vectors -= (rate * deviation) * noise.private[:, step]
    return pulls, vectors


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


def _add_by_item(sums: FloatArray, rows: NDArray[np.int64], pulls: FloatArray) -> None:
    """Add ``pulls`` (..., p) to the ``rows`` (...) of ``sums``, float32 (count, p)."""
    torch.from_numpy(sums).index_add_(
        0,
        torch.from_numpy(rows.reshape(-1)),
        torch.from_numpy(pulls.reshape(-1, pulls.shape[-1])),
    )
