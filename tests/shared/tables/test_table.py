"""Tests of reading tables as text, with the lines of rows that do not fit."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.shared.tables import LINE, Rejects, TableFormat, open_table


def read(
    path: Path, form: TableFormat | None = None
) -> tuple[list[tuple[object, ...]], Rejects, tuple[str, ...]]:
    """Return a table's rows with their lines last, its rejects and its columns."""
    table, rejects = open_table(path, form), Rejects(path)
    rows = [row for part in table.batches(rejects, table.columns) for row in part.rows()]
    return rows, rejects, table.columns


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separator_and_line_ends_are_found_out(separator: str, end: str, tmp_path: Path) -> None:
    """The first line tells the separator; any line end will do; blank lines are nothing."""
    path = tmp_path / "table.txt"
    lines = [separator.join(row) for row in (("a", "b"), ("1", " x "), ("2", ""))]
    path.write_text(end.join(["", *lines[:2], "", *lines[2:]]) + end, newline="")
    rows, rejects, columns = read(path)
    assert columns == ("a", "b")
    assert rows == [("1", "x", 3), ("2", None, 5)]
    assert (rejects.rows, rejects.count) == (2, 0)


@pytest.mark.parametrize("quoted", [False, True])
def test_rows_of_another_width_are_counted_with_their_lines(quoted: bool, tmp_path: Path) -> None:
    """With quotes anywhere and without, the same rows are malformed, at the same lines."""
    path = tmp_path / "table.csv"
    first = '"1"' if quoted else "1"
    path.write_text(f"a,b\n{first},x\n2\n3,y,z\n\n4,w\n")
    rows, rejects, _ = read(path)
    assert rows == [("1", "x", 2), ("4", "w", 6)]
    assert rejects.rows == 4
    assert [(r.line, r.reason) for r in rejects.examples] == [
        (3, "1 fields, expected 2"),
        (4, "3 fields, expected 2"),
    ]


def test_quoted_cells_may_hold_separators_quotes_and_lines(tmp_path: Path) -> None:
    """A row's line is the one it begins on."""
    path = tmp_path / "table.csv"
    path.write_text('a,b\nplain,1\n"x, y","say ""hi""\nthere"\nlast,2\n')
    rows, rejects, _ = read(path)
    assert rows == [("plain", "1", 2), ("x, y", 'say "hi"\nthere', 3), ("last", "2", 5)]
    assert rejects.count == 0


def test_quotes_can_be_mere_letters(tmp_path: Path) -> None:
    """MIND's files have quotes in titles that open nothing."""
    path = tmp_path / "table.tsv"
    path.write_text('a\tb\n"Quoted\t1\n5" floppy\t2\n')
    rows, rejects, _ = read(path, TableFormat(quotes=False))
    assert rows == [('"Quoted', "1", 2), ('5" floppy', "2", 3)]
    assert rejects.count == 0


def test_without_a_header_columns_are_numbers(tmp_path: Path) -> None:
    """The first line is then a row."""
    path = tmp_path / "table.csv"
    path.write_text("u1,i1,5.0\nu2,i2,4.0\n")
    rows, _, columns = read(path, TableFormat(header=False))
    assert columns == ("1", "2", "3")
    assert rows[0] == ("u1", "i1", "5.0", 1)


def test_two_columns_of_one_name_stay_apart(tmp_path: Path) -> None:
    """The second is numbered; a column without a name is called by its place."""
    path = tmp_path / "table.csv"
    path.write_text("a,a,\n1,2,3\n")
    assert open_table(path).columns == ("a", "a#2", "3")


def test_parquet_gives_what_the_text_would(tmp_path: Path) -> None:
    """Numbers, times and lists become the text that the same rules read; rows are numbered."""
    path = tmp_path / "table.parquet"
    pl.DataFrame(
        {
            "n": [1, None],
            "t": [datetime(2024, 1, 2, 3, 4, 5), None],
            "l": [["x", 'y"z'], []],
            "s": [" spaced ", ""],
        }
    ).write_parquet(path)
    rows, rejects, _ = read(path)
    assert rows == [("1", "1704164645", '["x","y\\"z"]', "spaced", 1), (None, None, "[]", None, 2)]
    assert (rejects.rows, rejects.unit) == (2, "row")


@pytest.mark.parametrize(("name", "content"), [("t.csv", b""), ("t.csv", b"\n \n"), ("t.pq", b"x")])
def test_file_without_a_table_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    """Empty and damaged files are a DataError that names the file."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=name):
        open_table(path)


def test_quote_that_is_never_closed_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would swallow the rest of the file."""
    monkeypatch.setattr("penchant.shared.tables.delimited._LONGEST_CELL", 1000)
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,2\n"3,4\n' + "5,6\n" * 1000)
    with pytest.raises(DataError, match=r"line 3 of .* never closed"):
        read(path)


def test_too_many_malformed_rows_are_an_error_that_shows_some(tmp_path: Path) -> None:
    """A share that is tolerated passes; above it the message has counts, lines and reasons."""
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "1,2\n" * 95 + "bad\n" * 5)
    _, rejects, _ = read(path)
    rejects.check(0.05)
    with pytest.raises(
        DataError, match=r"5 of 100 rows .* \(line 97: 1 fields, expected 2; .*5.00%"
    ):
        rejects.check(0.049)


@given(rows=st.lists(st.lists(st.text(alphabet='a,"\n; é中', max_size=4), min_size=2, max_size=2)))
def test_what_csv_writers_write_is_read(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every table that Python's csv module writes comes back, cell by cell, white space aside."""
    import csv

    path = tmp_path_factory.mktemp("csv") / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["first", "second"], *rows])
    found, rejects, _ = read(path)
    expected = [
        tuple(cell.strip() or None for cell in row) for row in rows if any(c.strip() for c in row)
    ]
    assert [row[:2] for row in found if any(row[:2])] == expected
    assert rejects.count == 0
    assert LINE not in open_table(path).columns


def test_spaces_separate_where_every_line_has_as_many(tmp_path: Path) -> None:
    """``12 4`` is a row of two; a column of texts is none of words."""
    path = tmp_path / "table.txt"
    path.write_text("user item\n1 2 \n3 4\n")
    assert read(path)[0] == [("1", "2", 2), ("3", "4", 3)]
    path.write_text("search query\nred shoes\nshoes\n")
    assert read(path)[2] == ("search query",)


def test_quotes_after_backslashes_are_read_as_such(tmp_path: Path) -> None:
    """Book-Crossing writes them so; a backslash elsewhere is a letter like any other."""
    path = tmp_path / "table.csv"
    path.write_text('"a";"b"\n"x";"say \\"hi; there\\""\n"y";"z"\n')
    assert read(path)[0] == [("x", 'say "hi; there"', 2), ("y", "z", 3)]
    path.write_text('a,b\n"C:\\",2\n"say ""hi\\""",3\n')
    assert read(path)[0] == [("C:\\", "2", 2), ('say "hi\\"', "3", 3)]


def test_row_over_lines_that_does_not_fit_hints_at_its_quote(tmp_path: Path) -> None:
    """A quote that opens a field of plain text swallows lines; the malformed row says so."""
    path = tmp_path / "table.tsv"
    path.write_text('a\tb\n1\t"so good\n2 "x\ty\tz\n4\ty\n')
    rows, rejects, _ = read(path)
    assert rows == [("4", "y", 4)]
    (bad,) = rejects.examples
    assert (bad.line, bad.reason) == (
        2,
        "4 fields, expected 2 (over 2 lines: a quote that is never closed?)",
    )
