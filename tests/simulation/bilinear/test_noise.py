"""Tests of the noise that feeds back: its joint law with all the noise is DP-SGD's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.simulation.bilinear.items import Items
from penchant.simulation.bilinear.noise import FedBack, draw_fed_back, draw_rest

DEVICES, STEPS, BATCH, K = 40_000, 3, 2, 4


def batches(case: str) -> NDArray[np.float32]:
    """Return the features of steps 1 and 2, float32 (L, k)."""
    found = np.random.default_rng(3).standard_normal(((STEPS - 1) * BATCH, K)).astype(np.float32)
    if case == "an item twice in a batch":
        found[1] = found[0]
    if case == "an item in both batches":
        found[2] = found[0]
    if case == "one item all along":
        found[:] = found[0]
    if case == "an absent example":
        found[2] = 0.0
    if case == "features on a line":
        found = np.outer([1, 2, -1, 3], found[0]).astype(np.float32)
    if case == "nearly parallel":
        found[1] = found[0] * (1 + 1e-4)
        found[1, 0] += 1e-3
    return found


def drawn_by(devices: NDArray[np.float32], *, dimension: int, rng: np.random.Generator) -> FedBack:
    """Draw for devices with features float32 (n, L, k), each row an item of its own."""
    count, later, width = devices.shape
    flat = devices.reshape(-1, width)
    items = Items(flat, np.einsum("jk,jk->j", flat, flat))
    rows = np.arange(count * later).reshape(count, later)
    products = np.matmul(devices, devices.transpose(0, 2, 1))
    return draw_fed_back(items, rows, products, batch_size=BATCH, dimension=dimension, rng=rng)


def explained_by(devices: NDArray[np.float32], drawn: FedBack) -> NDArray[np.float32]:
    """Return the sum of P' P over devices, float32 (k, k)."""
    spreads = np.matmul(drawn.inner, devices)
    regular: NDArray[np.float32] = np.einsum("nlk,nlj->kj", devices, spreads)
    return regular + drawn.apart.T @ drawn.apart


@pytest.mark.parametrize(
    "case",
    [
        "independent items",
        "an item twice in a batch",
        "an item in both batches",
        "one item all along",
        "an absent example",
        "features on a line",
        "nearly parallel",
    ],
)
def test_the_joint_law_is_that_of_all_noise(case: str) -> None:
    """Means and covariances of (F_1, F_2, M_S) are those of sums of independent noises.

    40,000 draws from a fixed seed. Means and covariances are compared in their standard deviations;
    with 8 + 36 of them a right law would exceed 5.5 once in 600,000 seeds.
    """
    features = batches(case)
    rng = np.random.default_rng(11)
    stacked = np.repeat(features[None], DEVICES, axis=0)
    drawn = drawn_by(stacked, dimension=1, rng=rng)
    # The rest of each device alone: the covariance of the sum is the sum of theirs.
    explained = explained_by(stacked, drawn) / np.float32(DEVICES)
    alone = draw_rest(explained, devices=1, steps=STEPS, dimension=DEVICES, rng=rng)
    total = np.einsum("lk,nld->nk", features, drawn.pulls) + alone.T
    found = np.concatenate([drawn.met[:, :, 0], total], axis=1).astype(np.float64)

    # Truth: M_t = N_0 + ... + N_{t-1} as a matrix on (N_0, N_1, N_2), each of K numbers.
    so_far = [np.kron(np.arange(STEPS) < t, np.eye(K)) for t in range(1, STEPS + 1)]
    met = [features[(t - 1) * BATCH : t * BATCH] @ so_far[t - 1] for t in range(1, STEPS)]
    linear = np.concatenate([*met, so_far[-1]]).astype(np.float64)
    expected = linear @ linear.T
    here = np.concatenate([features.any(axis=1), np.ones(K, dtype=bool)])
    found, expected = found[:, here], expected[np.ix_(here, here)]

    variances = np.diag(expected)
    mean_scores = found.mean(axis=0) / np.sqrt(variances / DEVICES)
    spread = np.sqrt((np.outer(variances, variances) + expected**2) / DEVICES)
    covariance_scores = (found.T @ found / DEVICES - expected) / spread
    assert np.abs(mean_scores).max() < 5.5
    assert np.abs(covariance_scores).max() < 5.5


def test_a_singular_law_holds_exactly() -> None:
    """Two examples of one item meet the same noise, not only in law."""
    features = batches("an item twice in a batch")[None]
    drawn = drawn_by(features, dimension=500, rng=np.random.default_rng(0))
    np.testing.assert_allclose(drawn.met[0, 0], drawn.met[0, 1], atol=1e-5)
    assert drawn.met[0, 0].std() > 0.1


def test_devices_of_both_kinds_go_together() -> None:
    """A device draws the same beside others, singular or not."""
    kinds = [batches(case) for case in ("independent items", "an item twice in a batch")]

    def explained(devices: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        stacked = np.stack(devices)
        return explained_by(stacked, drawn_by(stacked, dimension=1, rng=np.random.default_rng(0)))

    together = explained([*kinds, kinds[0]])
    apart = 2 * explained(kinds[:1]) + explained(kinds[1:])
    np.testing.assert_allclose(together, apart, atol=1e-4)
