"""Who takes part in a round: a Poisson sample of the enrolled devices, with a cap."""

from collections.abc import Sequence

import numpy as np

from penchant.shared.accounting import cohort_cap
from penchant.shared.randomness import Randomness

__all__ = ["draw_cohort"]


def draw_cohort(
    devices: Sequence[int], *, sampling_probability: float, randomness: Randomness
) -> list[int]:
    """Return a Poisson sample of ``devices``, in ascending order.

    Each device is in it with the same chance, independently. A sample above the cap is cut to the
    cap at random, as the accountant assumes.
    """
    ordered = np.sort(np.asarray(devices, dtype=np.uint64))
    cohort = ordered[randomness.uniform(len(ordered)) < sampling_probability]
    cap = cohort_cap(len(ordered), sampling_probability=sampling_probability)
    if len(cohort) > cap:
        kept = np.argsort(randomness.uniform(len(cohort)), kind="stable")[:cap]
        cohort = np.sort(cohort[kept])
    return [int(device) for device in cohort]
