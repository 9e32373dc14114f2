"""Why an item is recommended: the parts that its score is the sum of."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import overload

from penchant.client.storage.store import StoredEvent

__all__ = ["Reason", "Source", "SourceKind", "Why"]

SHOWN = 3


class SourceKind(StrEnum):
    """What a part of a score comes from.

    ``event``: something the person did. ``interests``: what they have done over a long time, as
    the interest state keeps it. ``learnt``: what training has learnt of them. ``popularity``: what
    all devices learnt of the item together. ``term``: something the person edited, such as a tag.
    """

    EVENT = "event"
    INTERESTS = "interests"
    LEARNT = "learnt"
    POPULARITY = "popularity"
    TERM = "term"


@dataclass(frozen=True)
class Source:
    """Where a part of a score comes from.

    Attributes:
        kind: what sort of source it is.
        label: what to call it, in words.
        event: the event it is, if it is one.
    """

    kind: SourceKind
    label: str
    event: StoredEvent | None = None


@dataclass(frozen=True)
class Reason:
    """A source and what it adds to an item's score."""

    source: Source
    amount: float

    def __str__(self) -> str:
        """Say what it is and how much it adds."""
        return f"{self.source.label} {self.amount:+.2f}"


class Why(Sequence[Reason]):
    """The reasons of one recommendation, the largest first; their amounts sum to its score.

    Each amount is what its source adds in the sum that the score is, not a guess: for an event, its
    attention times its vector times the item's. Attention is shared out among the latest events, so
    without one of them the others would weigh more.

    Args:
        sources: where the parts come from.
        amounts: what each adds.
    """

    def __init__(self, sources: Sequence[Source], amounts: Sequence[float]) -> None:
        order = sorted(range(len(sources)), key=lambda place: -abs(amounts[place]))
        self._reasons = tuple(Reason(sources[place], amounts[place]) for place in order)

    def __len__(self) -> int:
        """Return how many reasons there are."""
        return len(self._reasons)

    @overload
    def __getitem__(self, place: int) -> Reason: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Reason, ...]: ...

    def __getitem__(self, place: int | slice) -> Reason | tuple[Reason, ...]:
        """Return one reason, or some."""
        return self._reasons[place]

    @property
    def total(self) -> float:
        """The sum of the amounts: the score."""
        return sum(reason.amount for reason in self._reasons)

    def __str__(self) -> str:
        """Say the largest reasons in one line, and what the others add together."""
        shown = [str(reason) for reason in self._reasons[:SHOWN] if reason.amount]
        rest = [reason.amount for reason in self._reasons[SHOWN:] if reason.amount]
        if rest:
            shown.append(f"{len(rest)} more {sum(rest):+.2f}")
        return "; ".join(shown) or "nothing is known yet"

    def __repr__(self) -> str:
        """Say the same."""
        return f"Why({str(self)!r})"
