"""Private vectors of a population in a file: what a round starts from, whatever was cut short."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.simulation.cohort.vectors import PrivateVectors

DEVICES, DIMENSION = 5, 3


def of(value: float, devices: int = DEVICES) -> NDArray[np.float32]:
    """Vectors that are all ``value``."""
    return np.full((devices, DIMENSION), value, dtype=np.float32)


@pytest.fixture
def vectors(tmp_path: Path) -> PrivateVectors:
    """A new file."""
    return PrivateVectors(tmp_path, devices=DEVICES, dimension=DIMENSION)


def test_vectors_are_zero_at_first(vectors: PrivateVectors) -> None:
    """A device that has never trained has the zero vector."""
    np.testing.assert_array_equal(vectors[np.arange(DEVICES)], of(0.0))


def test_a_round_asked_for_again_starts_where_it_did(vectors: PrivateVectors) -> None:
    """What a round wrote is not what the same round starts from."""
    some = np.array([1, 4])
    vectors.write(some, of(1.0, 2), 1)
    vectors.write(some, of(2.0, 2), 2)
    np.testing.assert_array_equal(vectors.before(some, 2), of(1.0, 2))
    np.testing.assert_array_equal(vectors.before(some, 3), of(2.0, 2))
    vectors.write(some, of(5.0, 2), 2)
    np.testing.assert_array_equal(vectors.before(some, 2), of(1.0, 2))
    np.testing.assert_array_equal(vectors[some], of(5.0, 2))


def test_vectors_are_found_again(tmp_path: Path) -> None:
    """A file opened again holds what was written."""
    first = PrivateVectors(tmp_path, devices=DEVICES, dimension=DIMENSION)
    first.write(np.array([2]), of(7.0, 1), 1)
    del first
    again = PrivateVectors(tmp_path, devices=DEVICES, dimension=DIMENSION)
    np.testing.assert_array_equal(again[np.array([2, 3])], np.stack([of(7.0)[0], of(0.0)[0]]))


def test_a_vector_half_written_is_not_there(tmp_path: Path) -> None:
    """Numbers written before their round's number, as when the process dies between, count not."""
    vectors = PrivateVectors(tmp_path, devices=DEVICES, dimension=DIMENSION)
    raw = np.memmap(tmp_path / "vectors.f4", dtype="<f4", mode="r+")
    raw[:] = 9.0
    raw.flush()
    np.testing.assert_array_equal(vectors[np.arange(DEVICES)], of(0.0))


@given(
    rounds=st.lists(
        st.tuples(st.sets(st.integers(0, DEVICES - 1), min_size=1), st.booleans()), max_size=8
    )
)
@settings(max_examples=40)
def test_rounds_cut_short_leave_nothing(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[set[int], bool]]
) -> None:
    """Cohorts come and go; a round written half and then again gives what it gives at once."""
    vectors = PrivateVectors(tmp_path_factory.mktemp("v"), devices=DEVICES, dimension=DIMENSION)
    expected = of(0.0)
    for number, (cohort, cut_short) in enumerate(rounds, start=1):
        devices = np.array(sorted(cohort))
        if cut_short:
            half = devices[: len(devices) // 2 + 1]
            vectors.write(half, of(-1.0, len(half)), number)
        start = vectors.before(devices, number)
        np.testing.assert_array_equal(start, expected[devices])
        vectors.write(devices, start + number, number)
        expected[devices] += number
    np.testing.assert_array_equal(vectors[np.arange(DEVICES)], expected)
