"""What items are about, in the data's own words: the tags that their texts end with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.interests import Tags

__all__ = ["ItemTags", "NamedTags", "PlacedTags", "named_tags"]

LEAST_ITEMS = 3  # that have a tag
LEAST_SHARE = 0.6  # of the items, that have any
MOST_TAGS = 500


class ItemTags(Protocol):
    """Tags, and how much of each is in items."""

    @property
    def names(self) -> Sequence[str]:
        """What the T tags are called."""

    @property
    def source(self) -> str:
        """Where they come from, in words."""

    def shares(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of each tag is in items, float64 (n, T); rows sum to 1, or are zeros."""


@dataclass(frozen=True, eq=False)
class NamedTags:
    """Tags that the data name; an item is of all of its own alike.

    Attributes:
        names: of the tags.
        own: the places in ``names`` of each item's tags.
    """

    names: Sequence[str]
    own: Sequence[Sequence[int]]
    source: str = "those that the items' texts end with"

    @classmethod
    def of(cls, tags: Sequence[Sequence[str]]) -> Self:
        """Return the tags of items, most frequent first.

        Args:
            tags: of each item.
        """
        counts = Counter(tag for some in tags for tag in some)
        names = [name for name, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
        places = {name: place for place, name in enumerate(names)}
        return cls(names, [[places[tag] for tag in some] for some in tags])

    def shares(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of each tag is in items, float64 (n, T)."""
        found = np.zeros((len(items), len(self.names)))
        for row, item in enumerate(items.tolist()):
            own = self.own[item]
            found[row, list(own)] = 1 / max(1, len(own))
        return found


@dataclass(frozen=True, eq=False)
class PlacedTags:
    """Tags of the device's own taxonomy, which the language model places among the items.

    Attributes:
        tags: the taxonomy, placed.
        embeddings: float32 (J, m), of the items.
    """

    tags: Tags
    embeddings: NDArray[np.float32]
    source: str = "those of a device's taxonomy, placed by the language model"

    @property
    def names(self) -> Sequence[str]:
        """What the tags are called."""
        return self.tags.taxonomy.names

    def shares(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of each tag is in items, float64 (n, T): p = softmax(W e)."""
        return np.asarray(self.tags.distribution(self.embeddings[items]), dtype=np.float64)


def named_tags(texts: Sequence[str]) -> NamedTags | None:
    """Return the tags that texts end with, or None if they do not.

    A text such as ``"Heat (1995). Action, Crime"`` ends with tags, as those of MovieLens, MIND and
    generated populations do. A tag is what at least 3 items have; at least 60% of the items must
    have one, and there may be 500 of them.

    >>> found = named_tags(["Heat. Action, Crime", "Alien. Action", "Jaws. Action"])
    >>> found is not None and found.names
    ['Action']
    """
    tails = [text.rpartition(". ") for text in texts]
    listed = [tail.split(", ") if dot else [] for _, dot, tail in tails]
    counts = Counter(tag for some in listed for tag in set(some))
    kept = [
        [tag for tag in dict.fromkeys(some) if tag.strip() and counts[tag] >= LEAST_ITEMS]
        for some in listed
    ]
    found = NamedTags.of(kept)
    if not 0 < len(found.names) <= MOST_TAGS:
        return None
    return found if sum(map(bool, kept)) >= LEAST_SHARE * len(texts) else None
