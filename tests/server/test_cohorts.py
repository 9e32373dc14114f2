"""Tests of cohorts.

Those of the sampling law use fixed seeds, so they are the same every time; the bounds are those a
right sampler would miss less than once in a million seeds.
"""

import numpy as np
import pytest
from scipy import stats

from penchant.server.cohorts import draw_cohort
from penchant.shared.randomness import SeededRandomness, SystemRandomness

FALSE_ALARM = 1e-6
DEVICES = list(range(10, 50))
ROUNDS = 2_000


def membership(probability: float, *, cap: int = len(DEVICES)) -> np.ndarray:
    """Which device is in which cohort, bool (rounds, devices)."""
    root = SeededRandomness(7)
    cohorts = [
        draw_cohort(
            DEVICES, sampling_probability=probability, cap=cap, randomness=root.spawn(number)
        )
        for number in range(ROUNDS)
    ]
    return np.array([np.isin(DEVICES, cohort) for cohort in cohorts])


def test_each_device_is_drawn_with_the_probability() -> None:
    """Over many rounds every device takes part as often as the law says."""
    for count in membership(0.3).sum(axis=0):
        # One of forty tests: the bound is divided among them.
        assert stats.binomtest(int(count), ROUNDS, 0.3).pvalue > FALSE_ALARM / len(DEVICES)


def test_cohort_sizes_vary_as_independent_draws_do() -> None:
    """Sizes follow the binomial law: a cohort of fixed size is not a Poisson sample."""
    sizes = membership(0.3).sum(axis=1)
    expected = stats.binom.pmf(np.arange(41), 40, 0.3) * ROUNDS
    usual = expected >= 5
    observed = np.bincount(sizes, minlength=41).astype(float)
    found = np.append(observed[usual], observed[~usual].sum())
    law = np.append(expected[usual], expected[~usual].sum())
    assert stats.chisquare(found, law).pvalue > FALSE_ALARM


def test_devices_are_drawn_independently_of_each_other() -> None:
    """Knowing that one device takes part says nothing about another."""
    drawn = membership(0.3)
    pairs = [stats.fisher_exact(table_of(drawn[:, 0], drawn[:, j])).pvalue for j in range(1, 40)]
    assert min(pairs) > FALSE_ALARM / 39


def table_of(first: np.ndarray, second: np.ndarray) -> list[list[int]]:
    """Counts of the four cases."""
    return [
        [int((first & second).sum()), int((first & ~second).sum())],
        [int((~first & second).sum()), int((~first & ~second).sum())],
    ]


def test_cohorts_are_cut_to_the_cap_evenly() -> None:
    """No cohort exceeds the cap, and which devices are cut does not depend on their ids."""
    drawn = membership(0.5, cap=12)
    assert drawn.sum(axis=1).max() == 12
    share = drawn.sum() / drawn.size
    for count in drawn.sum(axis=0):
        assert stats.binomtest(int(count), ROUNDS, share).pvalue > FALSE_ALARM / len(DEVICES)


def test_same_stream_same_cohort_whatever_the_order() -> None:
    """A cohort depends on who is enrolled and on the stream, not on the order of the list."""
    ids = [2**63 + 5, 3, 2**40, 17, 2**64 - 1]
    cohorts = [
        draw_cohort(order, sampling_probability=0.6, cap=2, randomness=SeededRandomness(1))
        for order in (ids, ids[::-1], sorted(ids))
    ]
    assert cohorts[0] == cohorts[1] == cohorts[2] == sorted(cohorts[0])
    assert cohorts[0]
    assert set(cohorts[0]) <= set(ids)
    assert all(type(device) is int for device in cohorts[0])


def test_everybody_and_nobody() -> None:
    """At probability 1 all take part, always; without devices there is no cohort."""
    everybody = draw_cohort(
        DEVICES, sampling_probability=1.0, cap=40, randomness=SystemRandomness()
    )
    assert everybody == DEVICES
    assert draw_cohort([], sampling_probability=0.5, cap=3, randomness=SystemRandomness()) == []


def test_system_cohorts_differ() -> None:
    """Deployed cohorts cannot be foretold: two of a thousand devices differ, but for 2**-1000."""
    first, second = (
        draw_cohort(range(1000), sampling_probability=0.5, cap=1000, randomness=SystemRandomness())
        for _ in range(2)
    )
    assert first != second


@pytest.mark.parametrize("cap", [0, 1])
def test_small_caps(cap: int) -> None:
    """A cap of one or none is kept as well."""
    cohort = draw_cohort(DEVICES, sampling_probability=1.0, cap=cap, randomness=SeededRandomness(1))
    assert len(cohort) == cap
