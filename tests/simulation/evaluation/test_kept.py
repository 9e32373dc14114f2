"""Ranks kept beside a run: what is read is what was written, and damage is told."""

from pathlib import Path

import numpy as np
import pytest

from penchant.shared.errors import DataError
from penchant.simulation.evaluation import RANKS_FILE, Evaluation, Ranks, read_ranks, write_ranks


def evaluation(people: int = 5) -> Evaluation:
    """An evaluation by two protocols."""
    above, tied = np.arange(people), np.arange(people)[::-1].copy()
    ranks = {
        "full": Ranks(above, tied, np.full(people, 200)),
        "sampled99": Ranks(above, tied, np.full(people, 100)),
    }
    return Evaluation("test", np.arange(people) * 3, ranks, 10)


def test_metrics_of_each_person_are_kept(tmp_path: Path) -> None:
    """Every person's metrics by every protocol are those of the run."""
    write_ranks(tmp_path, evaluation())
    found = read_ranks(tmp_path)
    assert found.people.tolist() == evaluation().people.tolist()
    for protocol in ("full", "sampled99"):
        for metric, values in evaluation().values(protocol).items():
            assert found.values(protocol)[metric].tolist() == values.tolist()


def test_run_without_ranks_is_told(tmp_path: Path) -> None:
    """The folder is named."""
    with pytest.raises(DataError, match=r"no ranks\.safetensors in"):
        read_ranks(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 60, 200])
def test_damage_is_told(tmp_path: Path, keep: int) -> None:
    """A file cut short anywhere is refused, with its name."""
    path = write_ranks(tmp_path, evaluation())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=RANKS_FILE):
        read_ranks(tmp_path)
