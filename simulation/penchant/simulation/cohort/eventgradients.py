"""Local training with event-level privacy for many devices at once: DP-SGD in closed form.

The rule is that of ``penchant.client.training.private``. Every example of a device is scored by the
same private vector u against the same negatives, so with e_c = exp(s_c) their softmax weights are
the same numbers but for the example's own item y, which is left out of its negatives. With sums
over the negatives S = sum e_c, F = sum e_c f_c and m_y the times that y is among them, the total of
an example is T = S - m_y e_y + e_y, and its gradient with respect to item scores, by features, is

    g = a f_y + F / T,    a = (1 - m_y) e_y / T - 1,

so that dP = g u', du = P' g (and likewise with residuals), and norms and clipped sums of all
examples cost what one softmax does, not one for each example.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Candidates", "clipped_sums"]

LARGEST_EXPONENT = 700.0  # exp of it is still a float64
OPACUS_EPSILON = 1e-6  # Opacus adds it to norms before it divides by them


@dataclass(frozen=True, eq=False)
class Candidates:
    """What n devices' events are told from in one step; B targets and N negatives each.

    Attributes:
        target_vectors: float32 (n, B, d).
        target_scores: float32 (n, B), popularity included.
        target_features: float32 (n, B, k).
        present: bool (n, B), where there is a target.
        negative_vectors: float32 (n, N, d).
        negative_scores: float32 (n, N).
        negative_features: float32 (n, N, k).
        times_among_negatives: float64 (n, B), how often each target is among the negatives.
        repeats: float64 (n, N), how often each negative is among them, itself included.
    """

    target_vectors: Tensor
    target_scores: Tensor
    target_features: Tensor
    present: Tensor
    negative_vectors: Tensor
    negative_scores: Tensor
    negative_features: Tensor
    times_among_negatives: Tensor
    repeats: Tensor


def clipped_sums(
    candidates: Candidates,
    private_vectors: Tensor,
    *,
    clipping_norm: float,
    residual: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of each device's clipped gradients, without noise.

    An example whose numbers overflow gives none.

    Args:
        candidates: of one step.
        private_vectors: float32 (n, d).
        clipping_norm: bound on each example's gradient.
        residual: whether the ranker has item residuals, which count in the norm.

    Returns:
        By private vector, float32 (n, d); by target score, float32 (n, B); by negative score,
        float32 (n, N). The last two times features and private vector are the projection's, and
        added up by item the popularity's.
    """
    exponents, peak = _exponents(candidates.negative_scores)
    own = (candidates.target_scores.double() - peak).clamp(max=LARGEST_EXPONENT).exp()
    twice = candidates.times_among_negatives
    totals = exponents.sum(1, keepdim=True) - twice * own + own
    on_target = (1 - twice) * own / totals - 1

    exponents32 = exponents.to(torch.float32)[:, None]
    features = (exponents32 @ candidates.negative_features).double()
    vectors = (exponents32 @ candidates.negative_vectors).double()
    by_vector = on_target[..., None] * candidates.target_vectors + vectors / totals[..., None]
    feature_norms = (
        on_target**2 * candidates.target_features.double().square().sum(2)
        + 2 * on_target * (candidates.target_features.double() @ features.mT)[..., 0] / totals
        + features.square().sum(2) / totals**2
    ).clamp(min=0)
    squares = (exponents**2 * candidates.repeats).sum(1, keepdim=True)
    popularity_norms = (own / totals - 1) ** 2 + (squares - (twice * own) ** 2).clamp(
        min=0
    ) / totals**2
    lengths = private_vectors.double().square().sum(1, keepdim=True)
    norms = torch.sqrt(
        by_vector.square().sum(2)
        + feature_norms * lengths
        + popularity_norms * (1 + lengths if residual else 1)
    )
    factors = (clipping_norm / (norms + OPACUS_EPSILON)).clamp(max=1.0)
    factors = torch.where(norms.isfinite() & candidates.present, factors, 0.0)

    weights = torch.where(factors > 0, factors / totals, 0.0)
    negative = torch.where(weights.sum(1, keepdim=True) > 0, exponents, 0.0)
    on_private = torch.where(factors[..., None] > 0, by_vector * factors[..., None], 0.0).sum(1)
    return (
        on_private.to(torch.float32),
        torch.where(factors > 0, factors * on_target, 0.0).to(torch.float32),
        (negative * weights.sum(1, keepdim=True)).to(torch.float32),
    )


def _exponents(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return exp(score - peak), float64 (n, N), and the peaks, float64 (n, 1)."""
    wide = scores.double()
    peak = wide.amax(1, keepdim=True)
    return (wide - peak).exp(), peak
