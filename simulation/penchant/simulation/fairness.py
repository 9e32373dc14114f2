"""Whom the ranker serves: active and rare people, popular and rare items, apart."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.evaluation import Evaluation
from penchant.simulation.split import LeaveOneOut

__all__ = ["served_groups"]

ACTIVE, RARE_PEOPLE = "active people", "rare people"
POPULAR, RARE_ITEMS = "popular items", "rare items"


def served_groups(evaluation: Evaluation, split: LeaveOneOut) -> Mapping[str, NDArray[np.bool_]]:
    """Return masks over the evaluated people, by group; groups of nobody are left out.

    Active people have more training events than the median of those evaluated, rare ones as many
    or fewer; popular held-out items are in more training events than the median held-out item.

    Args:
        evaluation: of the main test.
        split: what was trained on and held out.
    """
    events = np.diff(split.training.offsets)[evaluation.people]
    met = np.bincount(split.training.items, minlength=split.training.n_items)
    popularity = met[split.test_items[evaluation.people]]
    active, popular = events > np.median(events), popularity > np.median(popularity)
    groups = {ACTIVE: active, RARE_PEOPLE: ~active, POPULAR: popular, RARE_ITEMS: ~popular}
    return {name: chosen for name, chosen in groups.items() if chosen.any()}
