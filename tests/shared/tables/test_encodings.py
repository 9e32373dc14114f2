"""Tests of finding out what a text file is encoded in."""

import gzip
from pathlib import Path

import pytest

from penchant.shared.errors import DataError
from penchant.shared.tables.encodings import check_encoding, detect_encoding, open_text

CHINESE = "用户ID,浏览历史\n甲,无线耳机；机械键盘\n乙,跑步鞋的选购指南\n"  # noqa: RUF001
WESTERN = "user,title\nann,Misérables naïve café\nbob,Ein schöner Tag für Bücher\n"


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8-sig"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gbk", "gb18030"),
        (WESTERN, "utf-8", "utf-8"),
        ("user,item\n1,2\n", "ascii", "utf-8"),
    ],
)
def test_encoding_is_found_and_reads_back(
    text: str, written: str, found: str, tmp_path: Path
) -> None:
    """What was written is what is read, mark excluded."""
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(written))
    assert detect_encoding(path) == found
    with open_text(path, detect_encoding(path)) as file:
        assert file.read() == text


def test_gzipped_file_is_read_as_the_file_in_it(tmp_path: Path) -> None:
    """``.gz`` is undone, for the detection too."""
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(CHINESE.encode("gb18030")))
    assert detect_encoding(path) == "gb18030"
    with open_text(path, "gb18030") as file:
        assert file.read() == CHINESE


def test_western_text_is_not_taken_for_chinese(tmp_path: Path) -> None:
    """GB18030 decodes Latin-1 into nonsense; the error asks instead, and names the line."""
    path = tmp_path / "table.csv"
    path.write_bytes(WESTERN.encode("latin-1"))
    with pytest.raises(DataError, match=r"line 2 of .* is not UTF-8"):
        detect_encoding(path)


def test_a_character_cut_off_at_the_end_is_found(tmp_path: Path) -> None:
    """A file that ends within a character is not UTF-8."""
    path = tmp_path / "table.csv"
    path.write_bytes("a,b\n1,é".encode()[:-1])
    with pytest.raises(DataError, match="line 2"):
        detect_encoding(path)


def test_missing_file_and_unknown_encoding_are_refused(tmp_path: Path) -> None:
    """Both are a DataError that names what was given."""
    with pytest.raises(DataError, match="nope"):
        detect_encoding(tmp_path / "nope.csv")
    with pytest.raises(DataError, match="'klingon'"):
        check_encoding("klingon")
