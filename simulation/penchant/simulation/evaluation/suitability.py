"""Whether a split leaves anything to evaluate, asked before anything is trained or written."""

import numpy as np

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import NOTHING, LeaveOneOut

__all__ = ["rankable", "spare_items"]


def rankable(split: LeaveOneOut) -> LeaveOneOut:
    """Return the split without those to evaluate who have met every item: nothing is left to rank.

    Raises:
        DataError: nobody is left.
    """
    name = split.training.name
    if not len(split.people):
        raise DataError(
            f"nobody of the {split.training.n_people} people of '{name}' has three different "
            "items, so nothing can be held out; simulate more people, or people with more events"
        )
    left = split.people[_spare(split) > 0]
    if not len(left):
        raise DataError(
            f"everybody in '{name}' has met all {split.training.n_items} items, so there is no "
            "other to rank the last one against; give the whole catalogue, with the items that "
            "nobody met"
        )
    return split if len(left) == len(split.people) else split.of_people(left)


def spare_items(split: LeaveOneOut) -> int:
    """Return the least number of items that anybody's last item can be ranked against."""
    return int(_spare(split).min())


def _spare(split: LeaveOneOut) -> Int64Array:
    people = split.people
    validated = split.validation_items[people] != NOTHING
    met = np.diff(split.training.offsets)[people] + validated
    return np.asarray(split.training.n_items - met - 1)
