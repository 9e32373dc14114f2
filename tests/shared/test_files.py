"""Tests of folders that appear whole or not at all."""

from pathlib import Path

import pytest

from penchant.shared.files import cache_folder, sha256_of, whole_folder


def test_a_whole_folder_appears_at_the_end(tmp_path: Path) -> None:
    """Before the block ends there is no folder; after it, it is whole and alone."""
    folder = tmp_path / "made" / "here"
    with whole_folder(folder) as scratch:
        (scratch / "file").write_text("content")
        assert not folder.exists()
    assert (folder / "file").read_text() == "content"
    assert list(folder.parent.iterdir()) == [folder]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    """What was written before an error is gone, and the error is passed on."""

    def interrupted() -> None:
        with whole_folder(tmp_path / "here") as scratch:
            (scratch / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """A folder that the user made already is no obstacle."""
    with whole_folder(tmp_path) as scratch:
        (scratch / "file").touch()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_the_hash_is_sha256(tmp_path: Path) -> None:
    """The empty file has the hash that FIPS 180-4's test vectors give."""
    (tmp_path / "empty").touch()
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_of(tmp_path / "empty") == expected


def test_an_empty_cache_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """PENCHANT_CACHE="" does not mean the current folder."""
    monkeypatch.setenv("PENCHANT_CACHE", "")
    assert cache_folder().name == "penchant"
