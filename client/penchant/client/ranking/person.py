"""A person as ranking reads them, and the parts that their profile is the sum of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.client.memory import Recent
from penchant.client.ranking.reasons import Source, SourceKind
from penchant.client.ranking.terms import ItemTerm
from penchant.client.storage.store import StoredEvent
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.scoring import Scorer

__all__ = ["Person", "Profile"]

DEEDS = {
    "view": "you viewed",
    "search": "you searched for",
    "click": "you clicked",
    "like": "you liked",
    "dislike": "you disliked",
    "purchase": "you bought",
    "share": "you shared",
    "dwell": "you spent time on",
    "custom": "you had to do with",
}
LONGEST_SUBJECT = 60


@dataclass(frozen=True, eq=False)
class Person:
    """What ranking reads of a person.

    Attributes:
        private_vector: float32 (d,), what training has learnt of them.
        recent: their latest events.
        seen: bool (J,), the items they have had to do with.
        terms: what they edited.
        lasting: float32 (m,), a long-lived interest vector to rank by where training has learnt
            nothing yet; None to rank by the latest events alone.
        lasting_weight: how much it counts.
    """

    private_vector: NDArray[np.float32]
    recent: Recent
    seen: NDArray[np.bool_]
    terms: Sequence[ItemTerm] = ()
    lasting: NDArray[np.float32] | None = None
    lasting_weight: float = 1.0

    def in_context(self, context: Recent, *, history_length: int) -> "Person":
        """Return the person with the events of the moment, which were not kept."""
        seen = self.seen.copy()
        seen[context.history.items[context.history.items != UNKNOWN_ITEM]] = True
        recent = self.recent.joined(context, count=history_length)
        return replace(self, recent=recent, seen=seen)


@dataclass(frozen=True, eq=False)
class Profile:
    """The vector z that item vectors are compared with, and its parts.

    Attributes:
        vector: float32 (d,).
        sources: where each part comes from.
        parts: float32 (p, d), which sum to ``vector``.
    """

    vector: NDArray[np.float32]
    sources: tuple[Source, ...]
    parts: NDArray[np.float32]

    @classmethod
    def of(cls, person: Person, scorer: Scorer, *, now: int) -> "Profile":
        """Return the profile of ``person`` at ``now``, unix seconds."""
        lasting, learnt = _lasting(person, scorer)
        history = person.recent.history
        vector = scorer.profile(lasting, history, now=now)
        weights, contexts = scorer.attended(history, now=now)
        events = person.recent.events[len(person.recent.events) - len(weights) :]
        items = history.items[len(history) - len(weights) :].tolist()
        labels = [
            Source(SourceKind.EVENT, _label(event, row, scorer.catalogue), event)
            for event, row in zip(events, items, strict=True)
        ]
        parts = np.concatenate([lasting[None], weights[:, None] * contexts])
        return cls(vector, (learnt, *labels), parts)


def _lasting(person: Person, scorer: Scorer) -> tuple[NDArray[np.float32], Source]:
    if person.lasting is None or person.private_vector.any():
        return person.private_vector, Source(SourceKind.LEARNT, "what was learnt of you")
    projected = scorer.context_of(person.lasting) * np.float32(person.lasting_weight)
    return projected, Source(SourceKind.INTERESTS, "your lasting interests")


def _label(event: StoredEvent, row: int, catalogue: Catalogue) -> str:
    named = None if row == UNKNOWN_ITEM else catalogue.text(row)
    subject = named or event.text or event.item or ""
    if len(subject) > LONGEST_SUBJECT:
        subject = subject[: LONGEST_SUBJECT - 1].rstrip() + "…"
    return f"{DEEDS[event.kind]} “{subject}”"
