"""Whether a ranker may take over what a device has learnt with another."""

import numpy as np

from penchant.shared.errors import ReleaseError
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Ranker

__all__ = ["require_continuity"]


def require_continuity(before: Ranker, after: Ranker) -> None:
    """Check that two rankers of one family have their vectors in one space.

    Args:
        before: in use.
        after: to be used from now on; of another family, it begins with nothing.

    Raises:
        ReleaseError: it is of the family, and has another dimension or feature map.
    """
    if before.family != after.family:
        return
    one, other = before.settings.dimension, after.settings.dimension
    if one != other:
        raise ReleaseError(
            f"ranker {after.model_id} says that it goes on from the one in use and has vectors of "
            f"dimension {other} where that has {one}; publish it anew, as a family of its own"
        )
    if not _same(before.feature_map, after.feature_map):
        raise ReleaseError(
            f"ranker {after.model_id} says that it goes on from the one in use and has another "
            "feature map; publish it anew, as a family of its own"
        )


def _same(one: FeatureMap, other: FeatureMap) -> bool:
    return np.array_equal(one.mean, other.mean) and np.array_equal(one.basis, other.basis)
