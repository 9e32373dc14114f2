"""Ranking on the device: which items, in which order, and why."""

from penchant.client.ranking.person import Person
from penchant.client.ranking.reasons import Reason, Source, SourceKind, Why
from penchant.client.ranking.recommendation import Recommendation
from penchant.client.ranking.recommender import Recommender
from penchant.client.ranking.terms import ItemTerm

__all__ = [
    "ItemTerm",
    "Person",
    "Reason",
    "Recommendation",
    "Recommender",
    "Source",
    "SourceKind",
    "Why",
]
