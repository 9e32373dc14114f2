"""What a person declared or changed about their interests, and how ranking obeys it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.client.interests.tags import BELONGS, Tags
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.jsontexts import parsed_json

__all__ = ["Edits", "InterestEdit", "TagTerm"]

LARGEST_WEIGHT = 10.0
# Below every score a ranker gives; finite, so that sums and differences stay numbers.
MUTED = -1e6


@dataclass(frozen=True)
class InterestEdit:
    """One tag as the person wants it.

    Attributes:
        tag: its name.
        weight: from -10 to 10; added to the score of an item by how much it is of the tag, and to
            the tag's cosine in ``interests()``; 0 for no change.
        mute: items that belong to the tag come after all others, and the tag is no interest.
    """

    tag: str
    weight: float = 0.0
    mute: bool = False


@dataclass(frozen=True)
class Edits:
    """Every edit that changes something, in order of their tags."""

    edits: tuple[InterestEdit, ...] = ()

    def __iter__(self) -> Iterator[InterestEdit]:
        """Iterate over the edits."""
        return iter(self.edits)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.edits)

    def changed(self, tag: str, *, weight: float | None, mute: bool | None) -> "Edits":
        """Return the edits with ``tag`` changed; what is None stays as it is.

        An edit with weight 0 that does not mute is undone: it is no longer among the edits.

        Raises:
            ConfigurationError: neither is given, or the weight is out of range.
        """
        if weight is None and mute is None:
            raise ConfigurationError(
                f"the edit of tag {tag!r} gives neither weight nor mute; give one of them "
                "(weight=0, mute=False undoes it)"
            )
        if weight is not None and not -LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
            raise ConfigurationError(
                f"the weight of tag {tag!r} is {weight}; it must be from {-LARGEST_WEIGHT} to "
                f"{LARGEST_WEIGHT}"
            )
        others = [edit for edit in self.edits if edit.tag != tag]
        edit = next((edit for edit in self.edits if edit.tag == tag), InterestEdit(tag))
        if weight is not None:
            edit = replace(edit, weight=float(weight))
        if mute is not None:
            edit = replace(edit, mute=bool(mute))
        return Edits._of([*others, edit])

    @classmethod
    def _of(cls, edits: Iterable[InterestEdit]) -> Self:
        kept = (edit for edit in edits if edit.mute or edit.weight != 0)
        return cls(tuple(sorted(kept, key=lambda edit: edit.tag)))

    def to_bytes(self) -> bytes:
        """Return the edits as bytes for the store."""
        return json.dumps(self.to_list()).encode()

    def to_list(self) -> list[dict[str, object]]:
        """Return the edits as JSON-able records."""
        return [{"tag": e.tag, "weight": e.weight, "mute": e.mute} for e in self.edits]

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self:
        """Return what ``to_bytes`` wrote; no edits for None.

        Raises:
            StoreError: the bytes are not edits.
        """
        if data is None:
            return cls()
        try:
            records = parsed_json(data)
            return cls._of(
                InterestEdit(str(r["tag"]), float(r["weight"]), bool(r["mute"])) for r in records
            )
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise StoreError(f"the stored interest edits cannot be read: {error}") from error

    def terms(self, tags: Tags) -> tuple["TagTerm", ...]:
        """Return the terms that make ranking obey the edits.

        Edits of tags that the taxonomy no longer has change nothing until it has them again.
        """
        known = set(tags.taxonomy.names)
        return tuple(TagTerm(edit, tags) for edit in self.edits if edit.tag in known)


@dataclass(frozen=True, eq=False)
class TagTerm:
    """What an edited tag adds to the ranking score.

    Attributes:
        edit: the edit.
        tags: where the tags lie.
    """

    edit: InterestEdit
    tags: Tags

    @property
    def name(self) -> str:
        """The tag's name."""
        return self.edit.tag

    def amounts(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return weight x p_t / max p, or ``MUTED`` where muted: float32 (n, m) to (n,)."""
        place = self.tags.taxonomy.place(self.edit.tag)
        membership = self.tags.membership(embeddings)[:, place]
        amounts = np.float32(self.edit.weight) * membership
        if self.edit.mute:
            amounts = np.where(membership >= BELONGS, np.float32(MUTED), amounts)
        return amounts
