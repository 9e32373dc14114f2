r"""The part of DP-SGD's noise that feeds back into training, drawn without the rest.

DP-SGD adds an independent N_s (k x d, standard normal) to the weights' gradient at each step s of
S. Step t meets the noise so far, M_t = N_0 + ... + N_{t-1}, only as F_t = X_t M_t, for its batch
X_t; and what leaves the device is M_S, or rather its sum over devices. Columns are alike and
independent, so take d = 1. The batches are settled before any noise is drawn, so that
(F_1, ..., F_{S-1}, M_S) is Gaussian with mean zero, and

    cov(F_t, F_r) = min(t, r) X_t X_r'      cov(M_S, F_t) = t X_t'      cov(M_S) = S I.

With X the batches after the first stacked, D the diagonal of their t's, and H the covariance of the
stacked F, of which R R' = H is any factor, the law of the pair is therefore that of

    F = R z,   M_S = X' D (R^+)' z + e,   z standard normal,   e ~ N(0, S I - P' P),   P = R^+ D X,

e independent of z: the regression of M_S on F and its residual. (D X = cov(F, M_S) has its columns
in the range of H, so this holds also where H is singular, as when a batch holds an item twice.)
Whatever a device computes is a function of F, of noise on its private vector, which is drawn whole,
and of what it started from; M_S itself is used nowhere but in the sum over devices. Hence the e's,
independent of all that, can be drawn as their sum, whose covariance is the sum of theirs; and the
joint law of all private vectors and the summed update is that of DP-SGD exactly. A device costs
(S - 1) m d normal draws in place of S k d.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.simulation.bilinear.items import FloatArray, Items

__all__ = ["FedBack", "draw_fed_back", "draw_rest", "standard_normal"]

Float64Array = NDArray[np.float64]

LEAST_PIVOT = 1e-2  # of a variance; below it float32 does not tell a factor well enough
LEAST_EIGENVALUE = 1e-10  # of the largest; below it there is none, to the rounding of float64


@dataclass(frozen=True, eq=False)
class FedBack:
    """Noise on the weights as n devices meet it, L = (S - 1) m examples after the first step.

    Attributes:
        met: float32 (n, L, d), F.
        pulls: float32 (n, L, d), D (R^+)' z: given F, the mean of M_S is X' of this.
        inner: float32 (n, L, L), D H^-1 D, so that X' inner X is P' P; zeros for devices whose law
            is singular or nearly so, for which float32 would not do.
        apart: float32 (r, k), the P's of those devices in rows.
    """

    met: FloatArray
    pulls: FloatArray
    inner: FloatArray
    apart: FloatArray


def draw_fed_back(
    items: Items,
    rows: NDArray[np.int64],
    products: FloatArray,
    *,
    batch_size: int,
    dimension: int,
    rng: np.random.Generator,
) -> FedBack:
    """Draw what n devices meet of their noise.

    Args:
        items: the catalogue.
        rows: int64 (n, L), the examples after the first step's; absent ones at the item of zeros.
        products: float32 (n, L, L), of their features with each other.
        batch_size: m, places in a batch.
        dimension: d, columns of the weights.
        rng: draws the noise.
    """
    devices, later = rows.shape
    times = (np.arange(later) // batch_size + 1).astype(np.float32)
    roots, halves, singular = _factors(products * np.minimum.outer(times, times))
    halves *= times  # now (R^+) D
    draws = standard_normal((devices, later, dimension), rng)
    met = np.matmul(roots, draws)
    pulls = np.matmul(halves.transpose(0, 2, 1), draws)
    inner = np.matmul(halves.transpose(0, 2, 1), halves)
    apart = items.features[:0]
    if singular.any():
        batches = items.features[rows[singular]]
        exact, apart_halves = _singular_roots(batches.astype(np.float64), times.astype(np.float64))
        apart_halves *= times
        met[singular] = np.matmul(exact, draws[singular])
        pulls[singular] = np.matmul(apart_halves.transpose(0, 2, 1), draws[singular])
        inner[singular] = 0.0
        apart = np.matmul(apart_halves, batches).astype(np.float32).reshape(-1, batches.shape[2])
    return FedBack(met, pulls, inner, apart)


def standard_normal(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draw standard normals, float32, from a torch generator seeded by ``rng``: twice as fast."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    draws: FloatArray = torch.randn(shape, generator=generator).numpy()
    return draws


def draw_rest(
    explained: FloatArray,
    *,
    devices: int,
    steps: int,
    dimension: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw the sum over devices of what their noise adds beyond what they met of it.

    Args:
        explained: float32 (k, k), the sum over devices of P' P; its lower triangle is read.
        devices: n.
        steps: S.
        dimension: d, columns of the weights.
        rng: draws the noise.

    Returns:
        float32 (k, d).
    """
    # The last step's noise is never met, so no eigenvalue is below n and the factor is safe.
    covariance = -explained
    np.einsum("kk->k", covariance)[:] += devices * steps
    draws = standard_normal((len(explained), dimension), rng)
    rest: FloatArray = torch.linalg.cholesky(torch.from_numpy(covariance)).numpy() @ draws
    return rest


def _factors(covariances: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return lower factors of covariances, the factors' inverses, and which are near singular.

    Returns:
        float32 (n, L, L) twice, of any content for what is near singular, and bool (n,).
    """
    diagonal = np.einsum("nll->nl", covariances)
    diagonal += diagonal == 0.0  # absent examples: noise of their own, which nobody reads
    found, failed = torch.linalg.cholesky_ex(torch.from_numpy(covariances))
    roots: FloatArray = found.numpy()
    pivots = np.einsum("nll->nl", roots) ** 2
    # A pivot of a singular covariance may be nan, which no comparison holds for.
    regular = (pivots >= LEAST_PIVOT * diagonal).all(axis=1) & (failed.numpy() == 0)
    if not regular.all():
        roots[~regular] = np.eye(roots.shape[1], dtype=np.float32)
    identity = torch.eye(roots.shape[1]).expand_as(found)
    inverses: FloatArray = torch.linalg.solve_triangular(found, identity, upper=False).numpy()
    return roots, inverses, ~regular


def _singular_roots(
    batches: Float64Array, times: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return what ``_factors`` does by eigenvectors, for covariances that may be singular."""
    products = np.matmul(batches, batches.transpose(0, 2, 1))
    values, vectors = np.linalg.eigh(products * np.minimum.outer(times, times))
    real = values > LEAST_EIGENVALUE * values[:, -1:]
    scales = np.sqrt(np.where(real, values, 0.0))
    inverses = np.divide(1.0, scales, out=np.zeros_like(scales), where=real)
    return vectors * scales[:, None], (vectors * inverses[:, None]).transpose(0, 2, 1)
