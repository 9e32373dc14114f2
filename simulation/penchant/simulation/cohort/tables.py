"""Item vectors as rows of tables, so that a gradient step is look-ups, products and additions.

A table row can stand for a catalogue item, shared by all devices that still have the round's
ranker, or for one item on one device whose ranker has moved on; the arithmetic is the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from penchant.client.events import EventKind
from penchant.shared.ranker import EVENT_KINDS

__all__ = ["Attention", "Gradients", "Tables", "item_table", "shared_attention", "shared_tables"]


@dataclass(frozen=True, eq=False)
class Tables:
    """Vectors of R items.

    Attributes:
        items: float32 (R, d + 2), each [item vector, popularity, 1]: times [query, 1, 0] it is the
            score, and a weighted sum of rows also sums the weights.
        context: float32 (R, d), what an event on the item adds to a query.
    """

    items: Tensor
    context: Tensor


@dataclass(frozen=True, eq=False)
class Attention:
    """Learnt terms of the attention, for all n devices (n = 1) or each; None where it is even.

    Attributes:
        position: float32 (n, 1, L).
        age: float32 (n, 1, 1).
        kind: float32 (n, 1, kinds), relative to a view, whose term is 0.
    """

    position: Tensor
    age: Tensor
    kind: Tensor


@dataclass(frozen=True, eq=False)
class Gradients:
    """Running sums of gradients with respect to what tables and attention hold.

    Attributes:
        items: float32 (R, d + 1), with respect to item vectors and popularity.
        context: float32 (R, d).
        position: float32 (n, L), of each device, or (1, L), of all.
        age: float32 (n,), or (1,).
        kind: float32 (n, kinds), or (1, kinds).
    """

    items: Tensor
    context: Tensor
    position: Tensor
    age: Tensor
    kind: Tensor

    @classmethod
    def zero(cls, *, rows: int, dimension: int, devices: int, length: int) -> "Gradients":
        """Return sums of nothing yet."""
        return cls(
            torch.zeros(rows, dimension + 1),
            torch.zeros(rows, dimension),
            torch.zeros(devices, length),
            torch.zeros(devices),
            torch.zeros(devices, EVENT_KINDS),
        )

    def by_array(self, features: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Return the gradients with respect to the ranker's arrays that are called ``names``.

        Args:
            features: float32 (R, k), of the items behind the rows; or float32 (n, S, k), which
                stand for n rankers of S rows each.
            names: of the ranker's arrays.

        Returns:
            With a leading n where there are n rankers; nothing for an array that does not move.
        """
        rows = features.shape[:-1]
        items, context = self.items.view(*rows, -1), self.context.view(*rows, -1)
        on_items, popularity = torch.split(items, [context.shape[-1], 1], dim=-1)
        found = {
            "popularity": popularity[..., 0],
            "attention_position": self.position,
            "attention_age": self.age[..., None],
            "attention_kind": self.kind,
        }
        if "context_projection" in names:
            both = features.mT @ torch.cat([on_items, context], dim=-1)
            found["item_projection"], found["context_projection"] = both.chunk(2, dim=-1)
        else:
            found["item_projection"] = features.mT @ (on_items + context)
        if "item_residual" in names:
            found["item_residual"] = on_items + context
        return {name: gradient for name, gradient in found.items() if name in names}


def item_table(vectors: Tensor, popularity: Tensor) -> Tensor:
    """Return float32 (..., d + 2) rows [vector, popularity, 1] for ``Tables``."""
    return torch.cat(
        [vectors, popularity[..., None], torch.ones_like(popularity)[..., None]], dim=-1
    )


def shared_tables(features: Tensor, arrays: Mapping[str, Tensor]) -> Tables:
    """Return the tables of the whole catalogue under one ranker.

    Args:
        features: float32 (J, k).
        arrays: the ranker's named arrays.
    """
    items = features @ arrays["item_projection"]
    context = items
    if "context_projection" in arrays:
        context = features @ arrays["context_projection"]
    if "item_residual" in arrays:
        items = items + arrays["item_residual"]
        context = context + arrays["item_residual"]
    return Tables(item_table(items, arrays["popularity"]), context)


def shared_attention(arrays: Mapping[str, Tensor]) -> Attention | None:
    """Return the attention of one ranker for all devices, None if it is even."""
    if "attention_position" not in arrays:
        return None
    position, age = arrays["attention_position"], arrays["attention_age"]
    kind = arrays["attention_kind"].clone()
    kind[EventKind.VIEW.number] = 0.0
    return Attention(position.view(1, 1, -1), age.view(1, 1, 1), kind.view(1, 1, -1))
