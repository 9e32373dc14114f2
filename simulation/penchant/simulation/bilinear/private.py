r"""Per-example DP-SGD on every device of a cohort, in closed form.

Abadi et al. (2016), "Deep learning with differential privacy", algorithm 1, over the private vector
and the shared weights together: each example's gradient is clipped as a whole, and each step adds
noise to every coordinate of both.

With the bias as one more row of W and a 1 as one more feature, an example x of gradient g by its
score has the gradients g h and g x u', for h = W' x; its squared norm is g^2 (|h|^2 + |x|^2 |u|^2).
With c the clipped g's and a = lr / m,

    h_t     = W_0' x - a (sum over earlier examples e of (x . x_e) c_e u_e + noise met)
    u_{t+1} = u_t - a (sum of the batch's c h + noise)
    update  = -a (sum over all examples of x_e c_e u_e' + all noise)

so that a device needs W_0' x of its items, computed once for all devices, and the products of its
items with each other. ``noise`` tells why not all noise need be drawn, and how the rest is.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import expit

from penchant.shared.errors import ConfigurationError
from penchant.simulation.bilinear.blocks import blocks_of, pool_of
from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import FloatArray, Items
from penchant.simulation.bilinear.noise import draw_fed_back, draw_rest
from penchant.simulation.bilinear.state import Trained, require_positive, require_state

__all__ = ["train_privately"]

ITEMS = 500  # a part of a catalogue for one thread


def train_privately(
    items: Items,
    examples: Examples,
    weights: FloatArray,
    private_vectors: FloatArray,
    *,
    learning_rate: float,
    clipping_norm: float,
    noise_multiplier: float,
    rng: np.random.Generator,
    threads: int = 1,
) -> Trained:
    """Train every device from the same weights by DP-SGD and sum their updates, not clipped again.

    A step follows the sum of its batch's clipped gradients plus noise of standard deviation
    ``noise_multiplier * clipping_norm`` on each coordinate, divided by the public batch size m,
    the places in a batch, however many examples there are. An empty batch still makes a step.

    Args:
        items: the catalogue.
        examples: of n devices, in batches of m places.
        weights: float32 (k + 1, d), the last row being the bias.
        private_vectors: float32 (n, d).
        learning_rate: of weights and private vectors.
        clipping_norm: largest L2 norm of an example's gradient, over weights and private vector.
        noise_multiplier: standard deviation of the noise over ``clipping_norm``; 0 for none.
        rng: draws the noise; the outcome does not depend on ``threads``.
        threads: blocks of devices trained side by side.

    Raises:
        ConfigurationError: a rate, norm or number of threads is not positive, or the noise is
            negative.
        DataError: the arrays do not fit each other, or are not finite.
    """
    require_positive(learning_rate=learning_rate, clipping_norm=clipping_norm)
    if not 0 <= noise_multiplier < float("inf"):
        raise ConfigurationError(
            f"noise multiplier is {noise_multiplier}; it must be finite and at least 0"
        )
    require_state(items, examples, weights, private_vectors)
    items, examples = _of_use(items, examples.among(items))
    rate = learning_rate / examples.rows.shape[2]
    deviation = noise_multiplier * clipping_norm
    blocks, parts = blocks_of(examples.devices), blocks_of(len(items.features), size=ITEMS)
    rest_rng, *rngs = rng.spawn(1 + len(blocks))
    with pool_of(threads) as pool:
        projected = np.concatenate(pool.map(lambda part: items.features[part] @ weights, parts))

        def train(block: tuple[slice, np.random.Generator]) -> _Block:
            devices, block_rng = block
            return _train_block(
                items,
                examples.of(devices),
                projected,
                private_vectors[devices],
                rate=rate,
                clipping_norm=clipping_norm,
                deviation=deviation,
                rng=block_rng,
            )

        trained = pool.map(train, list(zip(blocks, rngs, strict=True)))
        pulls = sum((block.pulls for block in trained), np.zeros_like(projected))
        update = sum(
            pool.map(lambda part: items.features[part].T @ pulls[part], parts),
            np.zeros_like(weights),
        )
        if deviation > 0 and trained:
            update += deviation * draw_rest(
                sum((block.explained for block in trained[1:]), trained[0].explained),
                devices=examples.devices,
                steps=examples.steps,
                dimension=weights.shape[1],
                rng=rest_rng,
            )
    vectors = [block.private_vectors for block in trained]
    return Trained(-rate * update, np.concatenate([private_vectors[:0], *vectors]))


def _of_use(items: Items, examples: Examples) -> tuple[Items, Examples]:
    """Leave out the items of a large catalogue that no example is of."""
    if examples.rows.size >= items.count:
        return items, examples
    used, rows = np.unique(examples.rows, return_inverse=True)
    rows = rows.reshape(examples.rows.shape)
    return items.only(used), Examples(rows, examples.labels, examples.present)


@dataclass(frozen=True, eq=False)
class _Block:
    """What a block of devices leaves.

    Attributes:
        pulls: float32 (J + 1, d), for each item the vector whose outer products with its features
            sum to the update, but for its factor and the rest of the noise.
        explained: float32 (k + 1, k + 1), of ``FedBack``; empty without noise.
        private_vectors: float32 (n, d).
    """

    pulls: FloatArray
    explained: FloatArray
    private_vectors: FloatArray


def _train_block(
    items: Items,
    examples: Examples,
    projected: FloatArray,
    vectors: FloatArray,
    *,
    rate: float,
    clipping_norm: float,
    deviation: float,
    rng: np.random.Generator,
) -> _Block:
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
            clipping_norm=clipping_norm,
        )
        pulls[:, here] = slopes[:, :, None] * vectors[:, None]
        vectors = vectors - rate * (np.matmul(slopes[:, None], batch)[:, 0] + noise[:, step])
    explained = np.zeros((0, 0), dtype=np.float32)
    if fed_back is not None:
        pulls[:, size:] += deviation * fed_back.pulls
        explained = fed_back.explained
    return _Block(_summed_by_item(pulls, rows, len(items.features)), explained, vectors)


def _clipped_slopes(
    batch: FloatArray,
    squared_norms: FloatArray,
    vectors: FloatArray,
    examples: Examples,
    step: int,
    *,
    clipping_norm: float,
) -> FloatArray:
    """Return the losses' derivatives by the scores, scaled as clipping scales the gradients."""
    scores = np.matmul(batch, vectors[:, :, None])[:, :, 0]
    slopes: FloatArray = expit(scores) - examples.labels[:, step]
    if examples.present is not None:
        slopes *= examples.present[:, step]
    lengths = np.einsum("nmd,nmd->nm", batch, batch)
    lengths += squared_norms * np.einsum("nd,nd->n", vectors, vectors)[:, None]
    norms = np.abs(slopes) * np.sqrt(lengths)
    slopes *= np.minimum(1.0, clipping_norm / np.maximum(norms, 1e-30))
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
