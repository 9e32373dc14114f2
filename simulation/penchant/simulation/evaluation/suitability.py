"""Whether a split leaves anything to evaluate, asked before anything is trained or written."""

import numpy as np

from penchant.shared.errors import DataError
from penchant.simulation.split import NOTHING, LeaveOneOut

__all__ = ["spare_items"]


def spare_items(split: LeaveOneOut) -> int:
    """Return the least number of items that anybody's last item can be ranked against.

    Raises:
        DataError: nobody has held-out items, or somebody has met every item.
    """
    name, people = split.training.name, split.people
    if not len(people):
        raise DataError(
            f"nobody of the {split.training.n_people} people of '{name}' has three different "
            "items, so nothing can be held out; simulate more people, or people with more events"
        )
    validated = split.validation_items[people] != NOTHING
    met = np.diff(split.training.offsets)[people] + validated + 1
    if (met >= split.training.n_items).any():
        person = split.training.person_ids[int(people[np.argmax(met)])]
        raise DataError(
            f"person '{person}' of '{name}' has met all {split.training.n_items} items, so there "
            "is no other to rank the last one against; give the whole catalogue, with the items "
            "that nobody met"
        )
    return split.training.n_items - int(met.max())
