"""A person's interests as a distribution over named tags, with the events that speak for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.client.interests.edits import Edits
from penchant.client.interests.tags import SHARPNESS, Tags

__all__ = ["Evidence", "Interest", "InterestProfile", "Leaning"]


@dataclass(frozen=True)
class Evidence:
    """A past event and what it did for a tag.

    Attributes:
        event: the event's id.
        time: unix seconds.
        kind: what was done.
        item: the item's id, if it was on one.
        text: its text, if it had one.
        contribution: what it adds to log(p_t) - mean(log p), the mean over all tags as if none was
            muted; the contributions of all events and of the edits add up to just that.
    """

    event: int
    time: int
    kind: str
    item: str | None
    text: str | None
    contribution: float


@dataclass(frozen=True)
class Interest:
    """A tag and its share of the person's interest.

    Attributes:
        tag: its name.
        share: from 0 to 1, of the whole taxonomy.
        evidence: the past events that did most for it, most first.
        declared: what the person's edits add to log(p_t) - mean(log p); 0 without any.
    """

    tag: str
    share: float
    evidence: tuple[Evidence, ...] = ()
    declared: float = 0.0


@dataclass(frozen=True, eq=False)
class Leaning:
    """A tag before it is told with evidence.

    Attributes:
        place: the tag's place in the taxonomy.
        share: from 0 to 1.
        declared: see ``Interest``.
    """

    place: int
    share: float
    declared: float


@dataclass(frozen=True, eq=False)
class InterestProfile:
    """An interest vector, told in tags and edited.

    p = softmax(S (W x / |x| + w)) over the tags that are not muted, with S the sharpness and w the
    edited weights; without edits, the softmax of W e x that ``Tags.distribution`` gives.

    Attributes:
        tags: where the tags lie.
        interest: float32 (m,), x; zero before the first event.
        edits: what the person changed.
    """

    tags: Tags
    interest: NDArray[np.float32]
    edits: Edits

    def leanings(self, *, k: int) -> list[Leaning]:
        """Return the ``k`` tags with the largest shares, largest first; equal ones as listed.

        Muted tags are not among them. A person without events or declared interests has none.
        """
        weights, muted = self._edited()
        if not self.interest.any() and not weights.any():
            return []
        logits = self.tags.logits(self.interest).astype(np.float64) + SHARPNESS * weights
        logits[muted] = -np.inf
        if muted.all():
            return []
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        declared = SHARPNESS * (weights - weights.mean())
        best = [int(i) for i in np.argsort(-shares, kind="stable") if not muted[i]][:k]
        return [Leaning(i, float(shares[i]), float(declared[i])) for i in best]

    def contributions(
        self, leanings: Sequence[Leaning], parts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what each part of the interest vector does for each tag, float64 (n, K).

        Args:
            leanings: K tags.
            parts: float64 (n, m), the parts c_k e_k whose sum is the interest vector.
        """
        length = float(np.linalg.norm(self.interest)) or 1.0
        placed = self.tags.embeddings.astype(np.float64)
        directions = placed[[leaning.place for leaning in leanings]] - placed.mean(axis=0)
        found: NDArray[np.float64] = parts @ directions.T * (SHARPNESS / length)
        return found

    def _edited(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        places = {name: place for place, name in enumerate(self.tags.taxonomy.names)}
        weights = np.zeros(len(places))
        muted = np.zeros(len(places), dtype=np.bool_)
        for edit in self.edits:
            if edit.tag in places:
                weights[places[edit.tag]] = edit.weight
                muted[places[edit.tag]] = edit.mute
        return weights, muted
