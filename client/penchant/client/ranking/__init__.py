"""Ranking on the device: which items, in which order, and why."""

from penchant.client.ranking.recommendation import Recommendation
from penchant.client.ranking.recommender import Person, Recommender
from penchant.client.ranking.terms import ItemTerm

__all__ = ["ItemTerm", "Person", "Recommendation", "Recommender"]
