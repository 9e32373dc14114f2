"""Named tags, placed among the items by the embeddings of their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.texts import TextEncoder

__all__ = ["Interest", "Tags", "built_in_tags"]

# Cosines of sentence embeddings lie close together; this spreads them into a distribution.
SHARPNESS = 20.0


def built_in_tags() -> tuple[str, ...]:
    """Return the names of the built-in taxonomy, some 200 of them."""
    return tuple(files("penchant.client").joinpath("tags.txt").read_text("utf-8").splitlines())


@dataclass(frozen=True)
class Interest:
    """A tag and its share of the person's interest, from 0 to 1."""

    tag: str
    share: float


@dataclass(frozen=True, eq=False)
class Tags:
    """Tags an interest can be told in.

    Attributes:
        names: what they are called.
        embeddings: float32 (T, m), unit norm, from the same encoder as the items.
    """

    names: tuple[str, ...]
    embeddings: NDArray[np.float32]

    @classmethod
    def embed(cls, encoder: TextEncoder, names: Sequence[str] | None = None) -> Self:
        """Return the tags called ``names``, or the built-in ones."""
        chosen = built_in_tags() if names is None else tuple(names)
        return cls(chosen, encoder.encode(chosen))

    def distribution(self, interest: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return p = softmax(W e x) over the tags, float32 (T,), summing to 1.

        Args:
            interest: float32 (m,), an interest vector x; its length does not matter.
        """
        norm = float(np.linalg.norm(interest))
        direction = interest / norm if norm > 0 else interest
        logits = SHARPNESS * (self.embeddings @ direction)
        weights = np.exp(logits - logits.max())
        shares: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
        return shares

    def strongest(self, interest: NDArray[np.float32], *, k: int) -> list[Interest]:
        """Return the ``k`` tags with the largest shares, largest first; equal ones as listed."""
        shares = self.distribution(interest)
        best = np.argsort(-shares, kind="stable")[:k]
        return [Interest(self.names[i], float(shares[i])) for i in best]
