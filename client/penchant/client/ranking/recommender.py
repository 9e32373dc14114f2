"""From a person's state to the best items."""

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.client.memory import Recent
from penchant.client.ranking.recommendation import Recommendation
from penchant.client.ranking.terms import ItemTerm, TermAmounts
from penchant.shared.errors import ConfigurationError
from penchant.shared.scoring import Scorer

__all__ = ["Person", "Recommender"]


@dataclass(frozen=True, eq=False)
class Person:
    """What ranking reads of a person.

    Attributes:
        private_vector: float32 (d,), what training has learnt of them.
        recent: their latest events.
        seen: bool (J,), the items they have had to do with.
        terms: what they edited.
    """

    private_vector: NDArray[np.float32]
    recent: Recent
    seen: NDArray[np.bool_]
    terms: Sequence[ItemTerm] = ()


class Recommender:
    """Ranks the items of a scorer's catalogue.

    Args:
        scorer: the ranker release in use and its catalogue.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._amounts = TermAmounts(scorer.catalogue)

    def scores(
        self,
        person: Person,
        *,
        now: int | None = None,
        positions: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Return the scores of all items, or of those at ``positions``, float32.

        Args:
            person: whom they are for.
            now: unix seconds of the request; the clock's, if not given.
            positions: int64, catalogue rows.
        """
        moment = int(clock.time()) if now is None else now
        profile = self._scorer.profile(person.private_vector, person.recent.history, now=moment)
        scores = self._scorer.scores(profile, positions)
        for amounts in self._amounts.of(person.terms):
            scores += amounts if positions is None else amounts[positions]
        return scores

    def recommend(
        self,
        person: Person,
        candidates: Sequence[str] | None = None,
        *,
        k: int,
        exclude_seen: bool = True,
        now: int | None = None,
    ) -> list[Recommendation]:
        """Return the ``k`` best items for the person, best first; equal scores in catalogue order.

        See ``Device.recommend``.
        """
        if k < 1:
            raise ConfigurationError(f"k is {k}; it must be at least 1")
        catalogue = self._scorer.catalogue
        positions = np.arange(len(catalogue))
        if candidates is not None:
            positions = np.unique(catalogue.known_positions(candidates))
        if exclude_seen:
            positions = positions[~person.seen[positions]]
        scores = self.scores(person, now=now, positions=positions)
        best = np.argsort(-scores, kind="stable")[:k]
        return [Recommendation(catalogue.items[positions[i]], float(scores[i])) for i in best]
