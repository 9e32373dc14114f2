"""Tests of kept arrays: what was appended is mapped, and a folder is whole or not there."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets.storage import ArrayFiles, kept, mapped


@given(st.lists(st.integers(0, 7), max_size=6), st.sampled_from([(), (3,)]))
def test_what_is_appended_is_mapped(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], row: tuple[int, ...]
) -> None:
    """Pieces of any sizes, none at all included, give the array of them all, read-only."""
    folder = tmp_path_factory.mktemp("arrays")
    rng = np.random.default_rng(len(sizes))
    pieces = [rng.integers(100, size=(size, *row)) for size in sizes]
    with ArrayFiles(folder, {"numbers": (np.int64, row)}) as files:
        for piece in pieces:
            files.append(numbers=piece)
    array = mapped(folder, "numbers")
    np.testing.assert_array_equal(array, np.concatenate([np.zeros((0, *row)), *pieces]))
    assert array.dtype == np.int64
    assert not array.flags.writeable


@pytest.mark.parametrize("rows", [np.zeros(2, np.int32), np.zeros((2, 2), np.int64)])
def test_rows_of_another_kind_are_refused(tmp_path: Path, rows: NDArray[Any]) -> None:
    """They would make the file unreadable."""
    with (
        ArrayFiles(tmp_path, {"numbers": (np.int64, ())}) as files,
        pytest.raises(DataError, match="holds int64 rows"),
    ):
        files.append(numbers=rows)


def write_one(folder: Path) -> None:
    """Write a small array."""
    with ArrayFiles(folder, {"numbers": (np.int64, ())}) as files:
        files.append(numbers=np.arange(5))


def test_kept_folder_is_written_once(tmp_path: Path) -> None:
    """The second who asks finds it; of many at once, one writes."""
    written = []

    def write(folder: Path) -> None:
        written.append(folder)
        write_one(folder)

    threads = [threading.Thread(target=kept, args=(tmp_path / "a", write)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    assert mapped(tmp_path / "a", "numbers").tolist() == [0, 1, 2, 3, 4]


def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    """Neither under the name nor beside it, and the next attempt succeeds."""

    def interrupted(folder: Path) -> None:
        write_one(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "a", interrupted)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    assert kept(tmp_path / "a", write_one).is_dir()


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    """A process that was killed cannot tidy up; the next one does, of this folder only."""
    for name in (".a.123.part", ".b.123.part"):
        (tmp_path / name).mkdir()
    kept(tmp_path / "a", write_one)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [".b.123.part", "a"]


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the folder's parent should be."""
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot keep .*file/a.*PENCHANT_CACHE"):
        kept(tmp_path / "file" / "a", write_one)


def test_damaged_array_is_named(tmp_path: Path) -> None:
    """A file cut short is an error that says what to remove."""
    write_one(tmp_path)
    path = tmp_path / "numbers.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"numbers\.npy cannot be read.*remove the folder"):
        mapped(tmp_path, "numbers")
