"""What a device says about a person's interests, and what the person says back."""

import heapq
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.client.arguments import require_count
from penchant.client.behaviour import event_weights, observed, require_encoder
from penchant.client.interests import (
    Edits,
    Evidence,
    Interest,
    InterestEdit,
    InterestProfile,
    Tags,
    TagTerm,
    Taxonomy,
    mean_shares,
)
from penchant.client.interests.profile import Leaning
from penchant.client.storage.store import Store, StoredEvent
from penchant.client.tracking import InterestTracker, blocks
from penchant.shared.catalogue import Catalogue
from penchant.shared.texts import TextEncoder

__all__ = ["Preferences"]

EDITS = "interest_edits"
EVIDENCE = 3


class Preferences:
    """A device's interests as tags, and the edits of them.

    Args:
        store: keeps the edits.
        tracker: the interest state and the events it has seen.
        catalogue: the items.
        encoder: places the tags among the items.
        taxonomy: the tags.
    """

    def __init__(
        self,
        store: Store,
        tracker: InterestTracker,
        catalogue: Catalogue,
        *,
        encoder: TextEncoder | None,
        taxonomy: Taxonomy,
    ) -> None:
        self._store = store
        self._tracker = tracker
        self._catalogue = catalogue
        self._encoder = encoder
        self._taxonomy = taxonomy
        self._edits: Edits | None = None
        self._terms: tuple[TagTerm, ...] | None = None

    @cached_property
    def tags(self) -> Tags:
        """The taxonomy, placed among the items.

        Raises:
            ConfigurationError: there is no encoder.
        """
        return Tags.embed(require_encoder(self._encoder, "interests as tags"), self._taxonomy)

    @property
    def edits(self) -> Edits:
        """What the person declared or changed."""
        if self._edits is None:
            self._edits = Edits.from_bytes(self._store.value(EDITS))
        return self._edits

    def terms(self) -> tuple[TagTerm, ...]:
        """Return what makes ranking obey the edits; the same objects until the next edit."""
        if self._terms is None:
            self._terms = self.edits.terms(self.tags) if len(self.edits) else ()
        return self._terms

    def edit(self, tag: str, *, weight: float | None, mute: bool | None) -> InterestEdit:
        """Change one tag and return how it stands; see ``Device.edit_interest``."""
        self._taxonomy.place(tag)
        self.replace(self.edits.changed(tag, weight=weight, mute=mute))
        return next((edit for edit in self.edits if edit.tag == tag), InterestEdit(tag))

    def replace(self, edits: Edits) -> None:
        """Keep ``edits`` in place of those there were."""
        self._store.save_value(EDITS, edits.to_bytes())
        self._edits, self._terms = edits, None

    def reread(self) -> None:
        """Read the store again when next asked."""
        self._edits = self._terms = None

    def every_interest(self) -> list[Interest]:
        """Return all tags that are not muted, strongest first."""
        return self.interests(k=len(self._taxonomy.tags))

    def interests(self, *, k: int) -> list[Interest]:
        """Return the ``k`` strongest interests with their evidence; see ``Device.interests``."""
        require_count(k)
        state = self._tracker.state
        if state.is_empty and not len(self.edits):
            return []
        short, long = state.means()
        profile = InterestProfile(self.tags, short + long, self.edits)
        leanings = profile.leanings(k=k)
        evidence = self._evidence(profile, leanings)
        names = self._taxonomy.names
        return [
            Interest(names[leaning.place], leaning.share, tuple(found), leaning.declared)
            for leaning, found in zip(leanings, evidence, strict=True)
        ]

    def _evidence(
        self, profile: InterestProfile, leanings: Sequence[Leaning]
    ) -> list[list[Evidence]]:
        """Return for each tag the events that did most for it, most first."""
        events = self._tracker.events()
        shares = self._shares(events)
        best: list[list[tuple[float, StoredEvent]]] = [[] for _ in leanings]
        start = 0
        for block in blocks(events):
            own = shares[start : start + len(block), None]
            parts = own * observed(block, self._catalogue).embeddings
            start += len(block)
            amounts = profile.contributions(leanings, parts)
            for column, found in enumerate(best):
                top = np.argsort(-amounts[:, column], kind="stable")[:EVIDENCE]
                fresh = [(float(amounts[i, column]), block[int(i)]) for i in top]
                best[column] = heapq.nlargest(EVIDENCE, [*found, *fresh], key=lambda pair: pair[0])
        return [
            [_evidence(event, amount) for amount, event in found if amount > 0] for found in best
        ]

    def _shares(self, events: Sequence[StoredEvent]) -> NDArray[np.float64]:
        """Return how much of each event is in short + long interest, float64 (n,)."""
        positions = self._catalogue.positions(event.item for event in events)
        times = np.array([event.time for event in events], dtype=np.int64)
        shares: NDArray[np.float64] = mean_shares(
            self._tracker.policy, times, event_weights(events, positions)
        ).sum(axis=0)
        return shares


def _evidence(event: StoredEvent, contribution: float) -> Evidence:
    return Evidence(event.id, event.time, event.kind, event.item, event.text, contribution)
