"""The round that is kept: the last, unless validation says that training went on for too long."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.simulation.bestround import BestRound, RoundEnd

PEOPLE = 3


def end(number: int, quality: float) -> RoundEnd:
    """What a round left, told by its number."""
    filled = np.full((PEOPLE, 2), number, dtype=np.float32)
    return RoundEnd(number, quality, np.full(4, number, dtype=np.float32), filled)


@given(qualities=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12))
def test_the_best_is_kept_where_the_last_lost_a_tenth(
    qualities: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And the last where it did not; of equally good rounds the first is the best."""
    best = BestRound(tmp_path_factory.mktemp("run") / "best", people=PEOPLE)
    ends = [end(number, quality) for number, quality in enumerate(qualities, start=1)]
    for one in ends:
        best.see(one)
    kept = best.kept(ends[-1])
    highest = max(qualities)
    lost = qualities[-1] < 0.9 * highest
    assert kept.number == (qualities.index(highest) + 1 if lost else len(qualities))
    np.testing.assert_array_equal(kept.vector, np.full(4, kept.number))
    people = np.arange(PEOPLE)
    np.testing.assert_array_equal(kept.private_vectors[people], np.full((PEOPLE, 2), kept.number))


def test_later_training_does_not_change_what_is_kept(tmp_path: Path) -> None:
    """Devices train on in the same arrays; the best round's are a copy."""
    best, training = BestRound(tmp_path / "best", people=PEOPLE), end(1, 0.5)
    best.see(training)
    training.vector[:] = 9
    assert isinstance(training.private_vectors, np.ndarray)
    training.private_vectors[:] = 9
    kept = best.kept(end(2, 0.1))
    assert kept.vector.max() == kept.private_vectors[np.arange(PEOPLE)].max() == 1


def test_a_resumed_run_keeps_the_same(tmp_path: Path) -> None:
    """Read from its file, and told again of rounds that were done again, it is the same round."""
    first = BestRound(tmp_path / "best", people=PEOPLE)
    for number, quality in ((1, 0.2), (2, 0.6)):
        first.see(end(number, quality))
    again = BestRound(tmp_path / "best", people=PEOPLE)
    for number, quality in ((2, 0.6), (3, 0.5)):
        again.see(end(number, quality))
    kept = again.kept(end(4, 0.1))
    assert (kept.number, kept.quality) == (2, 0.6)
    np.testing.assert_array_equal(kept.private_vectors[np.arange(PEOPLE)], np.full((PEOPLE, 2), 2))


def test_a_run_that_saw_no_round_keeps_the_last(tmp_path: Path) -> None:
    """As with privacy, where no round may be chosen."""
    assert BestRound(tmp_path / "best", people=PEOPLE).kept(end(7, 0.0)).number == 7


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """With the way out."""
    (tmp_path / "best").write_bytes(b"damaged")
    with pytest.raises(DataError, match="another folder"):
        BestRound(tmp_path / "best", people=PEOPLE)
