"""From a person to the best items, and why."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.client.arguments import moment, require_count
from penchant.client.ranking.diversity import diverse, require_diversity
from penchant.client.ranking.order import best_places
from penchant.client.ranking.person import Person, Profile
from penchant.client.ranking.reasons import Source, SourceKind, Why
from penchant.client.ranking.recommendation import Recommendation
from penchant.client.ranking.terms import TermAmounts
from penchant.shared.newitems import NewItems, ranked
from penchant.shared.scoring import Scorer

__all__ = ["Recommender"]

POPULAR = Source(SourceKind.POPULARITY, "liked by many")
# A diverse list is chosen among the best items: this many, and so many for each of the list.
POOL_ITEMS = 100
POOL_SHARE = 10


class Recommender:
    """Ranks the items of a scorer's catalogue.

    Args:
        scorer: the ranker release in use and its catalogue.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._installed = scorer
        self._amounts = TermAmounts(scorer.catalogue)

    def scores(self, person: Person, *, now: int | None = None) -> NDArray[np.float32]:
        """Return the scores of all items, float32 (J,); minus infinity where a term forbids one.

        Args:
            person: whom they are for.
            now: unix seconds of the request; the clock's, if not given.
        """
        return self._scores(person, self._profile(person, now), None)

    def predict(
        self, person: Person, embedding: NDArray[np.float32], *, now: int | None = None
    ) -> float:
        """Return the score that an item nobody has met yet would have.

        Args:
            person: whom it is for.
            embedding: float32 (m,), of the item's text.
            now: unix seconds of the request; the clock's, if not given.
        """
        features = self._installed.ranker.feature_map.apply(embedding[None])
        score = float(self._new_items.vectors(features)[0] @ self._profile(person, now).vector)
        score += float(self._new_items.popularity(features)[0])
        return score + sum(float(term.amounts(embedding[None])[0]) for term in person.terms)

    def recommend(
        self,
        person: Person,
        candidates: Sequence[str] | None = None,
        *,
        k: int,
        diversity: float = 0.0,
        exclude_seen: bool = True,
        now: int | None = None,
    ) -> list[Recommendation]:
        """Return the ``k`` best items for the person, best first; equal scores in catalogue order.

        See ``Device.recommend``.
        """
        require_count(k)
        require_diversity(diversity)
        profile = self._profile(person, now)
        positions = self._candidates(candidates)
        scores = self._scores(person, profile, positions)
        if exclude_seen:
            scores[person.seen if positions is None else person.seen[positions]] = -np.inf
        count = max(k * POOL_SHARE, POOL_ITEMS) if diversity else k
        best = best_places(scores, k=count)
        rows = best if positions is None else positions[best]
        if diversity:
            embeddings = self._scorer.catalogue.rows(rows)
            chosen = diverse(scores[best], embeddings, k=k, diversity=diversity)
            best, rows = best[chosen], rows[chosen]
        return self._explained(person, profile, rows, scores[best])

    # What new items need is computed when a release is first used, not when it is installed.
    @cached_property
    def _scorer(self) -> Scorer:
        return ranked(self._installed, told=self._new_items)

    @cached_property
    def _new_items(self) -> NewItems:
        return NewItems(self._installed)

    def _candidates(self, candidates: Sequence[str] | None) -> NDArray[np.int64] | None:
        if candidates is None:
            return None
        return np.unique(self._scorer.catalogue.known_positions(candidates))

    def _profile(self, person: Person, now: int | None) -> Profile:
        return Profile.of(person, self._scorer, now=moment(now))

    def _scores(
        self, person: Person, profile: Profile, positions: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores = self._scorer.scores(profile.vector, positions)
        for amounts in self._amounts.of(person.terms):
            scores += amounts if positions is None else amounts[positions]
        return scores

    def _explained(
        self,
        person: Person,
        profile: Profile,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> list[Recommendation]:
        scorer = self._scorer
        popularity = scorer.ranker.arrays["popularity"][rows]
        terms = [amounts[rows] for amounts in self._amounts.of(person.terms)]
        # In float64, so that the parts of a score sum to it as exactly as it was computed.
        affinities = scorer.item_vectors[rows].astype(np.float64) @ profile.parts.T
        amounts = np.column_stack([affinities, popularity, *terms]).tolist()
        named = (Source(SourceKind.TERM, term.name) for term in person.terms)
        sources = (*profile.sources, POPULAR, *named)
        catalogue = scorer.catalogue
        return [
            Recommendation(catalogue.items[row], score, catalogue.text(row), Why(sources, parts))
            for row, score, parts in zip(rows.tolist(), scores.tolist(), amounts, strict=True)
        ]
