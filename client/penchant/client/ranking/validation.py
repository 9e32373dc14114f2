"""How well a ranker foretells what a person did: a figure that never leaves the device."""

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.history import History
from penchant.shared.ranker import DISLIKE
from penchant.shared.scoring import Scorer

__all__ = ["EVENTS", "local_quality"]

EVENTS = 20
FEWEST = 5


def local_quality(
    scorer: Scorer,
    history: History,
    private_vector: NDArray[np.float32],
    *,
    among: Catalogue | None = None,
) -> float | None:
    """Return the mean reciprocal rank of the person's latest items, each from what came before.

    Args:
        scorer: the ranker and its catalogue.
        history: the person's events, with features of that ranker.
        private_vector: float32 (d,).
        among: only items that are in this catalogue too are foretold and ranked; all, if not given.

    Returns:
        Between 0 and 1, higher is better; None with fewer than five events to foretell.
    """
    ranked = _ranked(scorer, among)
    known = history.items != UNKNOWN_ITEM
    known[known] = ranked[history.items[known]]
    places = np.flatnonzero(known & (history.kinds != DISLIKE))
    places = places[places > 0][-EVENTS:]
    if len(places) < FEWEST:
        return None
    reciprocal = []
    for place in places.tolist():
        profile = scorer.profile(
            private_vector, history.before(place), now=int(history.times[place])
        )
        scores = scorer.scores(profile)
        rank = 1 + int((scores > scores[history.items[place]])[ranked].sum())
        reciprocal.append(1.0 / rank)
    return float(np.mean(reciprocal))


def _ranked(scorer: Scorer, among: Catalogue | None) -> NDArray[np.bool_]:
    """Return which of the scorer's items are in ``among`` too, bool (J,)."""
    catalogue = scorer.catalogue
    if among is None or among.fingerprint == catalogue.fingerprint:
        return np.ones(len(catalogue), dtype=np.bool_)
    ranked = np.zeros(len(catalogue), dtype=np.bool_)
    positions = catalogue.positions(among.items)
    ranked[positions[positions != UNKNOWN_ITEM]] = True
    return ranked
