"""A recommendation."""

from dataclasses import dataclass

__all__ = ["Recommendation"]


@dataclass(frozen=True)
class Recommendation:
    """An item and its ranking score; higher is better, only order and differences mean anything."""

    item: str
    score: float
