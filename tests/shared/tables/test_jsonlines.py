"""Tests of tables of JSON: lines, arrays, and lines as Python prints them."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.shared.tables import Rejects, open_table

ROWS = (
    {"user_id": "a", "asin": "B1", "overall": 5.0, "tags": ["x", "y"], "text": 'say "hi"\nthere'},
    {"user_id": "ü", "asin": "B2", "verified": True, "price": None},
)


def read(path: Path) -> tuple[list[dict[str, object]], Rejects]:
    """Return a table's rows, and its rejects."""
    table, rejects = open_table(path), Rejects(path)
    rows = [row for part in table.batches(rejects, table.columns) for row in part.rows(named=True)]
    return [{k: v for k, v in row.items() if v is not None} for row in rows], rejects


def written(form: str, path: Path) -> Path:
    """Write the rows in a form."""
    if form == "array":
        path.write_text(json.dumps(ROWS, indent=1))
    else:
        write = repr if form == "python" else json.dumps
        path.write_text("".join(f"{write(row)}\n\n" for row in ROWS))
    return path


@pytest.mark.parametrize("form", ["lines", "python", "array"])
def test_forms_give_the_same_rows(form: str, tmp_path: Path) -> None:
    """Columns are all names there are; lists are their JSON; what is missing is nothing."""
    rows, rejects = read(written(form, tmp_path / "t.json"))
    first, second = ({k: v for k, v in row.items() if k != "\0line"} for row in rows)
    assert json.loads(str(first.pop("tags"))) == ["x", "y"]
    assert first == {"user_id": "a", "asin": "B1", "overall": "5.0", "text": 'say "hi"\nthere'}
    assert second == {"user_id": "ü", "asin": "B2", "verified": "true"}
    assert (rejects.rows, rejects.count) == (2, 0)
    assert [row["\0line"] for row in rows] == ([1, 2] if form == "array" else [1, 3])


def test_packed_lines_and_lines_without_a_suffix(tmp_path: Path) -> None:
    """``meta.jsonl.gz`` is JSON by its name; any file that begins with an object is, too."""
    content = written("lines", tmp_path / "t.json").read_bytes()
    (tmp_path / "meta.jsonl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "dump").write_bytes(content)
    assert read(tmp_path / "meta.jsonl.gz")[0] == read(tmp_path / "dump")[0]


@pytest.mark.parametrize("form", ["lines", "python"])
def test_lines_that_are_no_objects_are_counted(form: str, tmp_path: Path) -> None:
    """With their numbers, and the rest is read."""
    path = written(form, tmp_path / "t.json")
    path.write_text(path.read_text() + '{"user_id": \n[1]\n')
    rows, rejects = read(path)
    assert (len(rows), rejects.rows) == (2, 4)
    assert [(bad.line, bad.reason) for bad in rejects.examples] == [
        (5, "no JSON object"),
        (6, "no JSON object"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty, or begins with neither"),
        ("user,item\n", "begins with neither a JSON object"),
        ("[1, 2", "is not a JSON array"),
        ("{}\n", "has no objects with names"),
    ],
)
def test_what_is_no_table_is_refused(content: str, told: str, tmp_path: Path) -> None:
    """One sentence says what was expected."""
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(DataError, match=told):
        open_table(tmp_path / "t.jsonl")


@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True),
    value=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])),
)
def test_names_and_texts_of_any_letters_come_through(
    names: list[str], value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same text is in every column, whatever the columns are called."""
    path = tmp_path_factory.mktemp("json") / "t.jsonl"
    names = [name for name in names if name != "\0line"] or ["a"]
    path.write_text(json.dumps(dict.fromkeys(names, value)) + "\n")
    rows, _ = read(path)
    expected = {name: value.strip() for name in names if value.strip()}
    assert {k: v for k, v in rows[0].items() if k != "\0line"} == expected
