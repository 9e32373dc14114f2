"""The ranker and a person's private vector as torch tensors, and their next-event loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.client.events import EventKind
from penchant.client.training.examples import Batch
from penchant.client.training.rule import PRIVATE_VECTOR
from penchant.shared.catalogue import UNKNOWN_ITEM
from penchant.shared.ranker import RankerSettings, split_vector

__all__ = ["Model", "named_tensors", "next_event_loss"]


@dataclass(frozen=True, eq=False)
class Model:
    """Everything a round trains.

    Attributes:
        private_vector: float32 (d,), stays on the device; in a pool of several people's examples,
            float32 (B, d), one an example.
        shared: the ranker's named arrays, a working copy.
    """

    private_vector: Tensor
    shared: Mapping[str, Tensor]

    @classmethod
    def of(
        cls,
        settings: RankerSettings,
        vector: NDArray[np.float32],
        private_vector: NDArray[np.float32],
    ) -> Self:
        """Return a working copy of a ranker's flat vector and a private vector."""
        return cls(torch.from_numpy(private_vector.copy()), named_tensors(settings, vector.copy()))

    def parameters(self) -> dict[str, Tensor]:
        """Return all trained tensors by name."""
        return {PRIVATE_VECTOR: self.private_vector, **self.shared}

    def vector(self) -> NDArray[np.float32]:
        """Return the ranker's flat vector, float32 (D,)."""
        return np.concatenate([tensor.detach().numpy().ravel() for tensor in self.shared.values()])


def named_tensors(settings: RankerSettings, vector: NDArray[np.float32]) -> dict[str, Tensor]:
    """Return a ranker's named arrays as tensors; they share the memory of ``vector``."""
    return {name: torch.from_numpy(a) for name, a in split_vector(settings, vector).items()}


def next_event_loss(
    model: Model,
    batch: Batch,
    *,
    history_features: Tensor,
    history_items: Tensor,
    item_features: Tensor,
    negatives: Tensor,
    excluded: Tensor,
) -> Tensor:
    """Return the mean sampled-softmax loss of a batch of next events.

    Each target is told from the negatives by softmax (Jean et al., 2015, "On using very large
    target vocabulary", eq. 7, with uniform draws, whose correction is the same for all and is left
    out).

    Args:
        model: what is trained.
        batch: targets and their contexts.
        history_features: float32 (n, k), features of the person's events.
        history_items: int64 (n,), their catalogue rows, or ``UNKNOWN_ITEM``.
        item_features: float32 (J, k), features of the catalogue.
        negatives: int64 (N,), catalogue rows to score against.
        excluded: bool (J,), or (B, J) for each example its own: items that are no negatives, those
            the person is known to like.
    """
    shared = model.shared
    residual = shared.get("item_residual")
    earlier = history_features @ shared.get("context_projection", shared["item_projection"])
    if residual is not None:
        known = (history_items != UNKNOWN_ITEM)[:, None]
        earlier = earlier + known * residual[history_items]
    queries = model.private_vector + _attended(shared, batch, earlier)

    def vectors(rows: Tensor) -> Tensor:
        found = item_features[rows] @ shared["item_projection"]
        return found if residual is None else found + residual[rows]

    positive = (queries * vectors(batch.targets)).sum(1) + shared["popularity"][batch.targets]
    others = queries @ vectors(negatives).T + shared["popularity"][negatives]
    others = others.masked_fill(excluded[..., negatives], -torch.inf)
    every = torch.cat([positive[:, None], others], dim=1)
    return (torch.logsumexp(every, dim=1) - positive).mean()


def _attended(shared: Mapping[str, Tensor], batch: Batch, earlier: Tensor) -> Tensor:
    """Return the attention-weighted sum of each example's earlier events, float32 (B, d)."""
    logits = torch.zeros_like(batch.ages)
    if "attention_position" in shared:
        # Kinds weigh relative to a view: adding the same to all would change nothing, and without
        # a fixed point the optimiser would follow rounding errors.
        other_kinds = batch.kinds != EventKind.VIEW.number
        logits = (
            shared["attention_position"]
            + shared["attention_kind"][batch.kinds] * other_kinds
            + shared["attention_age"] * batch.ages
        )
    # An event with nothing before it has no context: all its weights become zero.
    logits = logits.masked_fill(batch.missing, -torch.inf)
    peak = logits.max(dim=1, keepdim=True).values.clamp(min=torch.finfo(torch.float32).min)
    weights = torch.exp(logits - peak.detach())
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-30)
    # Of a dislike it is the opposite that counts.
    signs = 1.0 - 2.0 * (batch.kinds == EventKind.DISLIKE.number)
    return torch.einsum("bl,bld->bd", weights * signs, earlier[batch.context])
