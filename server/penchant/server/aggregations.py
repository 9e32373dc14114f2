"""The ways in which a round's updates become one, and how many updates each of them needs."""

import math
from enum import StrEnum

__all__ = ["AggregationName", "least_updates"]


class AggregationName(StrEnum):
    """How a round's updates become one.

    ``sum``: their mean, or their noised sum over a public number. ``trimmed-mean``: of each number
    the mean without the largest and the smallest. ``krum``: the one update that is nearest to its
    neighbours.
    """

    SUM = "sum"
    TRIMMED_MEAN = "trimmed-mean"
    KRUM = "krum"


def least_updates(
    aggregation: AggregationName, *, trimmed_share: float, assumed_malicious: int
) -> int:
    """Return the fewest updates of which an aggregation keeps its promise.

    Args:
        aggregation: how updates become one.
        trimmed_share: share of the updates that a trimmed mean leaves out at either end.
        assumed_malicious: f, devices of a round that Krum withstands.
    """
    if aggregation is AggregationName.KRUM:
        return 2 * assumed_malicious + 3
    if aggregation is AggregationName.TRIMMED_MEAN and trimmed_share > 0:
        return math.ceil(1 / trimmed_share)
    return 1
