"""Tests of numbered identifiers: a tuple of strings in all but memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.simulation.datasets.numbered import Numbered

counts = st.integers(0, 20)
bounds = st.none() | st.integers(-25, 25)


@given(counts)
def test_it_reads_as_the_tuple_of_its_strings(count: int) -> None:
    """Length, order, membership and every index are those of the strings."""
    ids, plain = Numbered(count), tuple(str(number) for number in range(count))
    assert len(ids) == count
    assert tuple(ids) == plain
    assert [ids[index] for index in range(-count, count)] == list(plain * 2)
    assert ("0" in ids) == (count > 0)


@given(counts, bounds, bounds, st.sampled_from([-2, -1, 1, 3]))
def test_slices_hold_what_slices_of_the_tuple_hold(
    count: int, start: int | None, stop: int | None, step: int
) -> None:
    """Whatever the bounds."""
    cut = slice(start, stop, step)
    assert tuple(Numbered(count)[cut]) == tuple(str(number) for number in range(count))[cut]


def test_the_first_of_a_million_stay_numbered() -> None:
    """A head is made without making its strings."""
    head = Numbered(1_000_000)[:900_000]
    assert head == Numbered(900_000)
    assert head != Numbered(900_001)


@pytest.mark.parametrize("index", [3, -4])
def test_no_identifier_beyond_the_last(index: int) -> None:
    """As of any sequence."""
    with pytest.raises(IndexError):
        Numbered(3)[index]


def test_negative_count_is_refused() -> None:
    """There cannot be fewer than none."""
    with pytest.raises(DataError, match="-1 identifiers"):
        Numbered(-1)
