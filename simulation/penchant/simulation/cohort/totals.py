"""The running sum of a block's updates, array by array."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from penchant.client.training.model import named_tensors
from penchant.shared.ranker import RankerSettings

__all__ = ["UpdateTotal", "clipping_factors", "update_norms"]


class UpdateTotal:
    """A sum of updates, zero at first.

    Attributes:
        vector: float32 (D,), the sum.
        arrays: the same numbers by name.
    """

    def __init__(self, settings: RankerSettings) -> None:
        self.vector = np.zeros(settings.size, dtype=np.float32)
        self.arrays: Mapping[str, Tensor] = named_tensors(settings, self.vector)


def update_norms(changes: Iterable[Tensor]) -> Tensor:
    """Return the Euclidean norm of each device's whole update, float64 (n,).

    Args:
        changes: its arrays, float32 (n, ...) each.
    """
    parts = [
        torch.linalg.vector_norm(change.flatten(1), dim=1, dtype=torch.float64)
        for change in changes
    ]
    norms: Tensor = torch.linalg.vector_norm(torch.stack(parts), dim=0)
    return norms


def clipping_factors(norms: Tensor, clipping_norm: float | None) -> Tensor:
    """Return what ``clip_to_norm`` multiplies updates of these norms by, float32 (n,)."""
    if clipping_norm is None:
        return torch.ones(len(norms))
    # A norm that is not finite belongs to an update that is not used.
    return (clipping_norm / norms.clamp(min=clipping_norm)).nan_to_num(0.0).to(torch.float32)
