"""Who takes part in a round: a Poisson sample of the enrolled devices, with a cap."""

from collections.abc import Sequence

import numpy as np

from penchant.shared.randomness import Randomness

__all__ = ["draw_cohort"]


def draw_cohort(
    devices: Sequence[int], *, sampling_probability: float, cap: int, randomness: Randomness
) -> list[int]:
    """Return a Poisson sample of ``devices``, in ascending order.

    Each device is in it with the same chance, independently. A sample above the cap is cut to the
    cap at random, as the accountant assumes.

    Args:
        devices: node ids, in any order.
        sampling_probability: chance of each device to be in the sample.
        cap: the largest cohort; a public constant, never counted from ``devices``.
        randomness: draws the sample.
    """
    ordered = np.sort(np.asarray(devices, dtype=np.uint64))
    cohort = ordered[randomness.uniform(len(ordered)) < sampling_probability]
    if len(cohort) > cap:
        kept = np.argsort(randomness.uniform(len(cohort)), kind="stable")[:cap]
        cohort = np.sort(cohort[kept])
    return [int(device) for device in cohort]
