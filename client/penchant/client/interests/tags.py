"""Tags placed among the items: which share of an interest is a tag's, and what belongs to it."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.interests.taxonomy import Taxonomy
from penchant.shared.files import cache_folder, write_atomically
from penchant.shared.texts import TextEncoder

__all__ = ["BELONGS", "SHARPNESS", "Tags"]

# Cosines of sentence embeddings lie close together; this spreads them into a distribution.
SHARPNESS = 20.0
# What belongs to a tag: its share is at least this part of the largest tag's.
BELONGS = 0.5


@dataclass(frozen=True, eq=False)
class Tags:
    """A taxonomy and where its tags lie.

    Attributes:
        taxonomy: the tags.
        embeddings: float32 (T, m), unit norm, from the same encoder as the items.
    """

    taxonomy: Taxonomy
    embeddings: NDArray[np.float32]

    @classmethod
    def embed(cls, encoder: TextEncoder, taxonomy: Taxonomy, *, cache: Path | None = None) -> Self:
        """Return the taxonomy as ``encoder`` places it, from the cache if it did so before.

        The cache holds embeddings alone, a file for each encoder and taxonomy, named by a hash of
        both: no text, and nothing of a person.

        Args:
            encoder: the one that embeds the items.
            taxonomy: the tags.
            cache: folder of the files; by default a part of penchant's cache folder.
        """
        path = (cache or cache_folder() / "tags") / f"{_fingerprint(encoder, taxonomy)}.npy"
        shape = (len(taxonomy.tags), encoder.dimension)
        with suppress(OSError, ValueError):  # absent, or no longer readable: computed again
            kept = np.load(path, allow_pickle=False)
            if kept.shape == shape and kept.dtype == np.float32:
                return cls(taxonomy, kept)
        embeddings = encoder.encode([tag.text for tag in taxonomy.tags])
        with suppress(OSError):  # a cache that cannot be written costs time, nothing else
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _npy(embeddings))
        return cls(taxonomy, embeddings)

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return W e, scaled: float32 (..., m) to (..., T), cosines times ``SHARPNESS``."""
        lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
        directions = embeddings / np.where(lengths > 0, lengths, np.float32(1.0))
        found: NDArray[np.float32] = np.matmul(directions, self.embeddings.T)
        return found * np.float32(SHARPNESS)

    def distribution(self, interest: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return p = softmax(W e x) over the tags: float32 (..., m) to (..., T), summing to 1.

        Args:
            interest: interest vectors x, or embeddings; their lengths do not matter.
        """
        weights = self.membership(interest)
        shares: NDArray[np.float32] = weights / weights.sum(axis=-1, keepdims=True)
        return shares

    def membership(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return p_t / max p, float32 (..., m) to (..., T): 1 for the tag it is nearest to.

        An item belongs to a tag where this is at least ``BELONGS``.
        """
        logits = self.logits(embeddings)
        found: NDArray[np.float32] = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return found


def _fingerprint(encoder: TextEncoder, taxonomy: Taxonomy) -> str:
    digest = hashlib.sha256()
    for part in (encoder.fingerprint, *(tag.text for tag in taxonomy.tags)):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return digest.hexdigest()[:32]


def _npy(array: NDArray[np.float32]) -> bytes:
    content = BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()
