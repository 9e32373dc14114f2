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

from penchant.shared.errors import ConfigurationError
from penchant.simulation.bilinear.blocks import Pool, blocks_of, pool_of
from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import FloatArray, Items
from penchant.simulation.bilinear.noise import draw_rest
from penchant.simulation.bilinear.private_steps import Settings, Sums, train_block
from penchant.simulation.bilinear.state import Trained, require_positive, require_state

__all__ = ["train_privately"]

GROUP = 800  # devices; bounds the memory for what is kept for each item
ITEMS = 500  # a part of a catalogue for one thread
STRIPE = 100  # rows of a triangle for one thread


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
    examples = examples.among(items)
    groups = blocks_of(examples.devices, size=GROUP)
    rest_rng, *rngs = rng.spawn(1 + len(groups))
    settings = Settings(
        learning_rate / examples.rows.shape[2], clipping_norm, noise_multiplier * clipping_norm
    )
    update = np.zeros_like(weights)
    explained = np.zeros(2 * weights.shape[:1], dtype=np.float32)
    vectors = [private_vectors[:0]]
    with pool_of(threads) as pool:
        for group, group_rng in zip(groups, rngs, strict=True):
            trained = _train_group(
                *_of_use(items, examples.of(group)),
                weights,
                private_vectors[group],
                settings=settings,
                rng=group_rng,
                pool=pool,
            )
            update += trained.update
            explained += trained.explained
            vectors += trained.private_vectors
        if settings.deviation > 0 and groups:
            update += settings.deviation * draw_rest(
                explained,
                devices=examples.devices,
                steps=examples.steps,
                dimension=weights.shape[1],
                rng=rest_rng,
            )
    return Trained(-settings.rate * update, np.concatenate(vectors))


@dataclass(frozen=True, eq=False)
class _Group:
    """What a group of devices leaves.

    Attributes:
        update: float32 (k + 1, d), the sum of what would be subtracted at rate 1, but for the rest
            of the noise.
        explained: float32 (k + 1, k + 1), the sum of P' P of ``noise``; its lower triangle counts.
        private_vectors: float32 (n, d), in blocks.
    """

    update: FloatArray
    explained: FloatArray
    private_vectors: list[FloatArray]


def _train_group(
    items: Items,
    examples: Examples,
    weights: FloatArray,
    private_vectors: FloatArray,
    *,
    settings: Settings,
    rng: np.random.Generator,
    pool: Pool,
) -> _Group:
    """Train a group; what it keeps for each item is summed before the next group's turn."""
    blocks, parts = blocks_of(examples.devices), blocks_of(len(items.features), size=ITEMS)
    projected = np.concatenate(pool.map(lambda part: items.features[part] @ weights, parts))

    sums = Sums.of_blocks(len(blocks), items, dimension=weights.shape[1])

    def train(block: tuple[int, slice, np.random.Generator]) -> FloatArray:
        number, devices, block_rng = block
        return train_block(
            items,
            examples.of(devices),
            projected,
            private_vectors[devices],
            sums.of(number),
            settings=settings,
            rng=block_rng,
        )

    rngs = rng.spawn(len(blocks))
    trained = pool.map(train, list(zip(range(len(blocks)), blocks, rngs, strict=True)))

    def update_of(part: slice) -> FloatArray:
        product: FloatArray = items.features[part].T @ _sum(sums.pulls[:, part])
        return product

    update = _sum(pool.map(update_of, parts))
    explained = _sum(sums.apart).copy()
    if settings.deviation > 0:
        pool.map(lambda part: _sum(sums.spreads[:, part]), parts)
        spreads = sums.spreads[0]

        def fill(rows: slice) -> None:
            """Add rows of the lower triangle, and a little above it, of what is symmetric."""
            product = items.features[:, rows].T @ spreads[:, : rows.stop]
            explained[rows, : rows.stop] += product

        pool.map(fill, blocks_of(len(explained), size=STRIPE)[::-1])
    return _Group(update, explained, trained)


def _sum(arrays: FloatArray | list[FloatArray]) -> FloatArray:
    """Add all to the first, and return it."""
    total = arrays[0]
    for array in arrays[1:]:
        total += array
    return total


def _of_use(items: Items, examples: Examples) -> tuple[Items, Examples]:
    """Leave out the items of a large catalogue that no example is of."""
    if examples.rows.size >= items.count:
        return items, examples
    used, rows = np.unique(examples.rows, return_inverse=True)
    rows = rows.reshape(examples.rows.shape)
    return items.only(used), Examples(rows, examples.labels, examples.present)
