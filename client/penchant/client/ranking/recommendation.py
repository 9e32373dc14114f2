"""A recommendation."""

from dataclasses import dataclass, field

from penchant.client.ranking.reasons import Why

__all__ = ["Recommendation"]


@dataclass(frozen=True)
class Recommendation:
    """An item that may interest the person.

    Attributes:
        item: its id.
        score: the ranking score; higher is better, only order and differences mean anything.
        text: what it is called, if the catalogue knows.
        why: the parts that the score is the sum of.
    """

    item: str
    score: float
    text: str | None = None
    why: Why = field(default=Why((), ()), compare=False)
