"""What penchant needs of a language model: texts in, embeddings out."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["TextEncoder"]


class TextEncoder(Protocol):
    """Anything that turns texts into embeddings; an ``Encoder`` or a cached one."""

    @property
    def dimension(self) -> int:
        """Length m of the embeddings."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides an embedding."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings of unit norm, float32 (n, m)."""
