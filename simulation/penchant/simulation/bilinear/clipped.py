r"""Local SGD whose whole updates are clipped (user level, noise on the sum), a cohort at once.

McMahan et al. (2018), "Learning differentially private recurrent language models", algorithm 1,
without its noise: the server adds that once, to the sum.

With the bias as one more row of W and a 1 as one more feature, a step on a batch X (m x k) gives
the scores X W u, their gradients g (m), and the gradients of u and W, which are W' v and v u' for
v = X' g. So each step changes W by a matrix of rank one, W_t = W_0 - lr sum_{s<t} v_s u_s', and W_t
is only ever met in

    W_t u_t   = W_0 u_t  - lr sum_{s<t} v_s (u_s . u_t)
    W_t' v_t  = W_0' v_t - lr sum_{s<t} u_s (v_s . v_t)

which cost two products with W_0, for all devices in one matrix product, and a few of vectors. No
device has weights of its own. The squared norm of its update is lr^2 sum_st (v_s . v_t)(u_s . u_t),
and the sum of the clipped updates is one product of the cohort's v's with its scaled u's.
"""

import numpy as np
from scipy.special import expit

from penchant.simulation.bilinear.blocks import blocks_of, pool_of
from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import FloatArray, Items
from penchant.simulation.bilinear.state import Trained, require_positive, require_state

__all__ = ["train_clipped"]


def train_clipped(
    items: Items,
    examples: Examples,
    weights: FloatArray,
    private_vectors: FloatArray,
    *,
    learning_rate: float,
    clipping_norm: float,
    threads: int = 1,
) -> Trained:
    """Train every device from the same weights and sum their updates, each clipped whole.

    A step follows the mean loss of its batch; a batch without examples makes none.

    Args:
        items: the catalogue.
        examples: of n devices.
        weights: float32 (k + 1, d), the last row being the bias.
        private_vectors: float32 (n, d).
        learning_rate: of weights and private vectors.
        clipping_norm: largest L2 norm of a device's change of the weights, bias and all.
        threads: blocks of devices trained side by side.

    Raises:
        ConfigurationError: a rate, norm or number of threads is not positive.
        DataError: the arrays do not fit each other, or are not finite.
    """
    require_positive(learning_rate=learning_rate, clipping_norm=clipping_norm)
    require_state(items, examples, weights, private_vectors)
    examples = examples.among(items)

    def train(devices: slice) -> Trained:
        return _train_block(
            items,
            examples.of(devices),
            weights,
            private_vectors[devices],
            learning_rate=learning_rate,
            clipping_norm=clipping_norm,
        )

    with pool_of(threads) as pool:
        blocks = pool.map(train, blocks_of(examples.devices))
    update = sum((block.update for block in blocks), np.zeros_like(weights))
    vectors = [block.private_vectors for block in blocks]
    return Trained(update, np.concatenate([private_vectors[:0], *vectors]))


def _train_block(
    items: Items,
    examples: Examples,
    weights: FloatArray,
    private_vectors: FloatArray,
    *,
    learning_rate: float,
    clipping_norm: float,
) -> Trained:
    lefts = np.empty((examples.devices, examples.steps, len(weights)), dtype=np.float32)
    rights = np.empty((examples.devices, examples.steps, weights.shape[1]), dtype=np.float32)
    vectors = private_vectors
    for step in range(examples.steps):
        before = lefts[:, :step], rights[:, :step]
        batch = items.of_rows(examples.rows[:, step])
        projected = vectors @ weights.T - learning_rate * _applied(*before, vectors)
        scores = np.matmul(batch, projected[:, :, None])[:, :, 0]
        slopes = _mean_slopes(scores, examples, step)
        left = np.matmul(slopes[:, None], batch)[:, 0]
        gradient = left @ weights - learning_rate * _applied(*before[::-1], left)
        lefts[:, step], rights[:, step] = left, vectors
        vectors = vectors - learning_rate * gradient
    products = np.matmul(lefts, lefts.transpose(0, 2, 1))
    products *= np.matmul(rights, rights.transpose(0, 2, 1))
    norms = learning_rate * np.sqrt(np.maximum(products.sum(axis=(1, 2)), 0.0))
    scales = -learning_rate * np.minimum(1.0, clipping_norm / np.maximum(norms, 1e-30))
    rights *= scales[:, None, None]
    update = lefts.reshape(-1, lefts.shape[2]).T @ rights.reshape(-1, rights.shape[2])
    return Trained(update, vectors)


def _applied(outer: FloatArray, inner: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return, for each device, the sum of its outer vectors times (inner . vector).

    Args:
        outer: float32 (n, s, p).
        inner: float32 (n, s, q).
        vectors: float32 (n, q).
    """
    weights = np.matmul(inner, vectors[:, :, None])
    found: FloatArray = np.matmul(weights.transpose(0, 2, 1), outer)[:, 0]
    return found


def _mean_slopes(scores: FloatArray, examples: Examples, step: int) -> FloatArray:
    """Return the derivatives of each batch's mean loss by its scores, float32 (n, m)."""
    slopes: FloatArray = expit(scores) - examples.labels[:, step]
    if examples.present is None:
        slopes /= np.float32(slopes.shape[1])
        return slopes
    present = examples.present[:, step]
    slopes *= present
    slopes /= np.maximum(present.sum(axis=1, keepdims=True), 1)
    return slopes
