"""Tests of files that are packed, and of those in archives."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from penchant.shared.errors import DataError
from penchant.shared.tables import Rejects, open_table

TABLE = b"user,item\na,x\n"


def rows(path: Path) -> list[tuple[object, ...]]:
    """Return a table's rows, with their lines last."""
    table = open_table(path)
    return [row for part in table.batches(Rejects(path), table.columns) for row in part.rows()]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_told_by_how_they_begin(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Whatever they are called."""
    (tmp_path / "table.csv").write_bytes(pack(TABLE))
    assert rows(tmp_path / "table.csv") == [("a", "x", 2)]


def test_archives_with_one_file_and_files_in_archives(tmp_path: Path) -> None:
    """One file needs no name; of several one is named, and the error lists them."""
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("data/events.csv", TABLE)
        archive.writestr("__MACOSX/data/._events.csv", b"x")
    assert rows(tmp_path / "one.zip") == [("a", "x", 2)]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("data/events.csv", TABLE)
        archive.writestr("README", b"x")
    assert rows(tmp_path / "two.zip" / "data" / "events.csv") == [("a", "x", 2)]
    with pytest.raises(DataError, match=r"holds 2 files: data/events.csv, README; name one"):
        open_table(tmp_path / "two.zip")
    with pytest.raises(DataError, match="holds 2 files"):
        open_table(tmp_path / "two.zip" / "nowhere.csv")


def test_what_cannot_be_unpacked_is_refused(tmp_path: Path) -> None:
    """Damage, other packers and tar archives are told apart."""
    (tmp_path / "short.csv").write_bytes(gzip.compress(TABLE * 1000)[:40])
    (tmp_path / "other.csv").write_bytes(b"\x28\xb5\x2f\xfd....")
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "other.csv")
    (tmp_path / "plain.csv").write_bytes(TABLE)
    for name, told in (
        ("short.csv", "cannot be read"),
        ("other.csv", "is packed by Zstandard; unpack it"),
        ("all.tar.gz", "is a tar archive; unpack it"),
        ("nowhere.csv", "there is no file"),
        ("plain.csv/inner.csv", "is no zip archive"),
    ):
        with pytest.raises(DataError, match=told):
            open_table(tmp_path / name)
