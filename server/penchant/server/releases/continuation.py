"""Going on with a ranker when the catalogue changes: what is kept, and what new items begin with.

Only released numbers and public catalogues are read, so it costs no privacy.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from penchant.server.checkpoints import RoundState
from penchant.server.optimiser import Moments
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.newitems import NewItems
from penchant.shared.ranker import Preset, Ranker, RankerSettings, split_vector
from penchant.shared.scoring import Scorer

__all__ = ["carried", "continued"]

# Arrays with a row an item; the others are the same over any catalogue.
OF_ITEMS = ("popularity", "item_residual")
BLOCK = 4096


def continued(ranker: Ranker, before: Catalogue, catalogue: Catalogue, *, since: int) -> Ranker:
    """Return a ranker over ``catalogue`` that has learnt what ``ranker`` has.

    Its features, projections and attention are the same, and items that stay keep their numbers,
    wherever they now are. New items have the popularity that their texts suggest, and with the
    preset ``full`` also the vector (``NewItems``); they were in no round yet.

    Args:
        ranker: bound to ``before``; with rounds of its items.
        before: its catalogue.
        catalogue: embedded by the same encoder; some items of ``before`` are in it.
        since: version of the release of ``ranker`` that is gone on from, from 1 on.
    """
    origin = before.positions(catalogue.items)
    settings = replace(
        ranker.settings,
        items=len(catalogue),
        catalogue=catalogue.fingerprint,
        continues=ranker.model_id,
        family=ranker.family,
        since=since,
    )
    rounds = ranker.item_rounds
    if rounds is None:
        rounds = np.ones(ranker.settings.items, dtype=np.int32)
    rounds = np.where(origin == UNKNOWN_ITEM, 0, rounds[origin]).astype(np.int32)
    fresh = np.zeros(settings.size, dtype=np.float32)
    vector = _moved(ranker.settings, ranker.vector, settings, fresh, origin)
    begun = Ranker(settings, ranker.feature_map, vector, rounds)
    return begun.with_vector(_with_new_items(Scorer.bind(begun, catalogue), origin))


def carried(
    state: RoundState, ranker: Ranker, after: Ranker, origin: NDArray[np.int64]
) -> RoundState:
    """Return where the rounds of ``after`` begin: with all that those of ``ranker`` came to.

    Args:
        state: of ``ranker``, maybe after more rounds than ``after`` was made from.
        ranker: what ``after`` goes on from.
        after: has the numbers that new items begin with.
        origin: int64 (J,), each item's row in the catalogue of ``ranker``, or ``UNKNOWN_ITEM``.
    """

    def moved(vector: NDArray[np.float32], onto: NDArray[np.float32]) -> NDArray[np.float32]:
        return _moved(ranker.settings, vector, after.settings, onto, origin)

    nothing = Moments.zero(after.settings.size)
    moments = Moments(
        moved(state.moments.first, nothing.first), moved(state.moments.second, nothing.second)
    )
    return RoundState(state.round_number, moved(state.vector, after.vector), moments)


def _moved(
    shape: RankerSettings,
    vector: NDArray[np.float32],
    after: RankerSettings,
    onto: NDArray[np.float32],
    origin: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return ``onto``, float32 (D',), with the numbers of ``vector``, (D,), that have a place."""
    result = onto.copy()
    source, target = split_vector(shape, vector), split_vector(after, result)
    kept = origin != UNKNOWN_ITEM
    for name, array in target.items():
        if name in OF_ITEMS:
            array[kept] = source[name][origin[kept]]
        else:
            array[:] = source[name]
    return result


def _with_new_items(scorer: Scorer, origin: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the ranker's vector with what new items begin with."""
    ranker = scorer.ranker
    vector = ranker.vector.copy()
    arrays = split_vector(ranker.settings, vector)
    known = np.flatnonzero(origin != UNKNOWN_ITEM)
    settled = np.setdiff1d(known, ranker.new_items)
    told = NewItems(scorer, known=settled if len(settled) else known)
    # Where too few known items are left, vectors are the projections.
    has_residuals = ranker.settings.preset is Preset.FULL and len(ranker.new_items) > 0
    new = np.flatnonzero(origin == UNKNOWN_ITEM)
    for start in range(0, len(new), BLOCK):
        _begin(arrays, new[start : start + BLOCK], told, scorer, residuals=has_residuals)
    return vector


def _begin(
    arrays: Mapping[str, NDArray[np.float32]],
    rows: NDArray[np.int64],
    told: NewItems,
    scorer: Scorer,
    *,
    residuals: bool,
) -> None:
    """Write the numbers that new items at ``rows`` begin with."""
    features = scorer.features_of(rows)
    arrays["popularity"][rows] = told.popularity(features)
    if residuals:
        arrays["item_residual"][rows] = told.residuals(features)
