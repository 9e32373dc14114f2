"""Tests of randomness.

The system's generator cannot be seeded, so its tests are statistical: each comparison raises a
false alarm once in 10**11 runs, the dozen of them less than once in 10**9.
"""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from penchant.shared.randomness import (
    KeyedRandomness,
    Randomness,
    SeededRandomness,
    SystemRandomness,
)

FALSE_ALARM = 1e-11
DRAWS = 20_000


@pytest.fixture(
    params=[SystemRandomness(), SeededRandomness(5), KeyedRandomness(bytes(range(32)))],
    ids=["system", "seeded", "keyed"],
)
def source(request: pytest.FixtureRequest) -> Randomness:
    """Each kind of source."""
    chosen: Randomness = request.param
    return chosen


def test_uniform_draws_follow_their_law(source: Randomness) -> None:
    """Uniform draws are uniform on [0, 1)."""
    draws = source.uniform(DRAWS)
    assert draws.dtype == np.float64
    assert draws.min() >= 0.0
    assert draws.max() < 1.0
    assert stats.kstest(draws, "uniform").pvalue > FALSE_ALARM


def test_normal_draws_follow_their_law(source: Randomness) -> None:
    """Normal draws have the standard normal law, not only its first moments."""
    draws = source.normal(DRAWS)
    assert stats.kstest(draws, "norm").pvalue > FALSE_ALARM
    # The tails: squared draws are chi-squared.
    assert stats.kstest(draws**2, "chi2", args=(1,)).pvalue > FALSE_ALARM


def test_normal_draws_are_independent_of_each_other(source: Randomness) -> None:
    """The two draws that one Box-Muller pair gives, and neighbours, are uncorrelated.

    Squares too: a radius shared without its angle would leave the squares correlated.
    """
    draws = source.normal(DRAWS)
    halves = draws[: DRAWS // 2], draws[DRAWS // 2 :]
    for left, right in [halves, (draws[:-1], draws[1:])]:
        assert stats.pearsonr(left, right).pvalue > FALSE_ALARM
        assert stats.pearsonr(left**2, right**2).pvalue > FALSE_ALARM


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_as_many_draws_as_asked_for(source: Randomness, size: int) -> None:
    """Odd sizes and none at all work as others do."""
    assert source.uniform(size).shape == (size,)
    assert source.normal(size).shape == (size,)
    assert source.integers(size, below=3).shape == (size,)


def test_integers_are_even_over_their_range(source: Randomness) -> None:
    """Every number from 0 to below - 1 is as likely, and no other comes."""
    draws = source.integers(DRAWS, below=7)
    assert draws.dtype == np.int64
    counts = Counter(draws.tolist())
    assert set(counts) == set(range(7))
    assert stats.chisquare([counts[number] for number in range(7)]).pvalue > FALSE_ALARM


def test_integers_of_an_empty_range_are_refused(source: Randomness) -> None:
    """There is no whole number from 0 to -1."""
    with pytest.raises(ValueError, match=r"below|high"):
        source.integers(3, below=0)


def test_system_draws_never_repeat() -> None:
    """Two sources of the system, and one source twice, give different draws."""
    first = SystemRandomness()
    draws = [first.uniform(8), first.uniform(8), SystemRandomness().uniform(8)]
    draws.append(first.spawn(1).uniform(8))
    assert len({draw.tobytes() for draw in draws}) == 4


def test_same_seed_and_key_same_stream() -> None:
    """A seeded source repeats itself exactly, whatever the path of spawns that led to it."""
    for draw in ("uniform", "normal"):
        first = getattr(SeededRandomness(3).spawn(1, 2), draw)(5)
        again = getattr(SeededRandomness(3).spawn(1).spawn(2), draw)(5)
        assert first.tobytes() == again.tobytes()


def test_different_seeds_and_keys_give_different_streams() -> None:
    """No two streams named differently are the same."""
    root = SeededRandomness(3)
    sources = [root, SeededRandomness(4), root.spawn(0), root.spawn(0, 0), root.spawn(1)]
    sources += [root.spawn(0, 1), root.spawn(1, 0), root.spawn(2**32 - 1)]
    assert len({source.uniform(4).tobytes() for source in sources}) == len(sources)


def test_spawning_does_not_depend_on_what_was_drawn() -> None:
    """What a stream gives depends on its name alone, so a resumed run draws the same."""
    drawn, fresh = SeededRandomness(3), SeededRandomness(3)
    drawn.normal(100)
    drawn.spawn(8).normal(3)
    assert drawn.spawn(9).normal(4).tobytes() == fresh.spawn(9).normal(4).tobytes()


@pytest.mark.parametrize("part", [-1, 2**32])
def test_keys_that_would_name_another_stream_are_refused(part: int) -> None:
    """NumPy reads 2**32 + k as two numbers, which is the name of another stream."""
    with pytest.raises(ValueError, match="2\\*\\*32"):
        SeededRandomness(3).spawn(1, part)


def test_a_key_repeats_its_draws_and_nothing_else_does() -> None:
    """The same key and path give the same stream; another key, path or call gives another."""
    key = bytes(range(32))
    draws = KeyedRandomness(key).normal(8)
    np.testing.assert_array_equal(KeyedRandomness(key).normal(8), draws)
    source = KeyedRandomness(key)
    assert not np.isin(source.spawn(0).normal(8), draws).any()
    np.testing.assert_array_equal(source.normal(8), draws)
    assert not np.isin(source.normal(8), draws).any()
    assert not np.isin(source.spawn(0, 1).normal(8), source.spawn(1, 0).normal(8)).any()
    np.testing.assert_array_equal(
        source.spawn(0, 1).normal(8), KeyedRandomness(key).spawn(0).spawn(1).normal(8)
    )
    assert not np.isin(KeyedRandomness(bytes(32)).normal(8), draws).any()
    with pytest.raises(ValueError, match="31 bytes; it must have 32"):
        KeyedRandomness(bytes(31))
