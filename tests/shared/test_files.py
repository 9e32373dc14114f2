"""Tests of writing files whole or not at all."""

import os
from pathlib import Path

import pytest

from penchant.shared.files import write_atomically


def test_content_is_written_and_replaced(tmp_path: Path) -> None:
    """The file holds the latest content, and nothing else is left in the folder."""
    path = tmp_path / "state.bin"
    for content in (b"first", b"", b"third" * 1000):
        write_atomically(path, content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


def test_a_reader_keeps_the_file_it_opened(tmp_path: Path) -> None:
    """The new content is another file: whoever reads the old one never sees a mixture."""
    path = tmp_path / "state.bin"
    write_atomically(path, b"before")
    with path.open("rb") as reader:
        write_atomically(path, b"after!")
        assert reader.read() == b"before"
    assert path.read_bytes() == b"after!"


def test_a_write_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    """Where the rename fails, as over a folder, the error says so and no scratch file stays."""
    occupied = tmp_path / "state.bin"
    (occupied / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"state\.bin"):
        write_atomically(occupied, b"content")
    assert list(tmp_path.iterdir()) == [occupied]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """No folder is invented for a path that may be a slip."""
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "state.bin", b"content")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """A write that fails in the middle leaves the previous content and no scratch file."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "state.bin"
    write_atomically(path, b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            write_atomically(path, b"after" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_hold_whatever_a_killed_process_left(tmp_path: Path) -> None:
    """A key written with mode 0600 is never in a file that others could open beforehand."""
    left = tmp_path / f".key.{os.getpid()}.partial"
    left.write_bytes(b"half")
    left.chmod(0o666)
    write_atomically(tmp_path / "key", b"secret", mode=0o600)
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert not left.exists()
