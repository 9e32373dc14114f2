"""Tests of reading tables of events and of items."""

from pathlib import Path

import polars as pl
import pytest

from penchant.shared.errors import DataError
from penchant.shared.tables import EventTable, Role, kind_of, read_items


def write(path: Path, text: str) -> Path:
    """Write a small file and return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def rows(table: EventTable) -> list[dict[str, object]]:
    """Return all events."""
    return [row for batch in table.batches() for row in batch.iter_rows(named=True)]


def test_events_are_read_by_their_columns(tmp_path: Path) -> None:
    """User, item, time, kind, text and language, each where the table has it."""
    path = write(
        tmp_path / "log.csv",
        "uid,item,event,time,title,lang\nann,m1,PV,2024-01-02,Heat,en\nann,,搜索,1704164645,耳机,zh\n",
    )
    first, second = rows(EventTable.open(path))
    assert {first[name] for name in ("user", "item", "kind", "text", "language")} == {
        "ann", "m1", "view", "Heat", "en",
    }  # fmt: skip
    assert first["time"] == 1704153600
    assert (second["item"], second["kind"], second["text"]) == (None, "search", "耳机")


def test_malformed_rows_are_left_out_and_counted_by_reason(tmp_path: Path) -> None:
    """No user, nothing done with, no time and a time that is none: each with its line."""
    path = write(
        tmp_path / "log.csv",
        "user,item,time\na,m1,10000000\n,m2,5\na,,5\na,m3,\na,m4,soon\na,m5\na,m6,6\n",
    )
    table = EventTable.open(path)
    assert [row["item"] for row in rows(table)] == ["m1", "m6"]
    assert [(r.line, r.reason) for r in table.rejects.examples] == [
        (7, "2 fields, expected 3"),
        (3, "no user"),
        (4, "no item and no text"),
        (5, "no time"),
        (6, "not a time: 'soon'"),
    ]
    assert (table.rejects.rows, table.rejects.count) == (7, 5)


def test_order_only_events_have_no_times(tmp_path: Path) -> None:
    """Without a column of times none is made up here."""
    table = EventTable.open(write(tmp_path / "log.csv", "user,item\na,m1\na,m2\n"))
    assert not table.has_times
    assert [row["time"] for row in rows(table)] == [None, None]


def test_words_that_are_no_kind_are_custom_and_counted(tmp_path: Path) -> None:
    """The kinds a table has of its own are not lost, and not taken for another."""
    path = write(tmp_path / "log.csv", "user,item,action\na,m1,buy\na,m2,wink\na,m3,wink\na,m4,\n")
    table = EventTable.open(path, default_kind="click")
    assert [row["kind"] for row in rows(table)] == ["purchase", "custom", "custom", "click"]
    assert table.unknown_kinds == {"wink": 2}
    assert kind_of("不喜欢") == "dislike"


def test_table_that_names_no_item_asks_for_it(tmp_path: Path) -> None:
    """The error has the columns and the flag."""
    path = write(tmp_path / "log.csv", "user,thing\na,m1\n")
    with pytest.raises(DataError, match=r"user, thing, and none .* such as item=movie_id"):
        EventTable.open(path)
    assert rows(EventTable.open(path, columns={Role.ITEM: "thing"}))[0]["item"] == "m1"


def test_parquet_events_are_those_of_the_csv(tmp_path: Path) -> None:
    """The form of the file makes no difference."""
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["1", "2"], "time": [1.7e9, 1.8e9]})
    frame.write_parquet(tmp_path / "log.parquet")
    frame.write_csv(tmp_path / "log.csv")
    by_name = {name: rows(EventTable.open(tmp_path / name)) for name in ("log.parquet", "log.csv")}
    for line in (*by_name["log.parquet"], *by_name["log.csv"]):
        del line["\0line"]
    assert by_name["log.parquet"] == by_name["log.csv"]


def test_item_text_is_title_and_categories(tmp_path: Path) -> None:
    """Lists are written out, empty cells leave nothing, the first text of an item counts."""
    path = write(
        tmp_path / "items.csv",
        "movieId,title,genres\n1,Toy Story,Comedy|Kids\n2,Heat,\n"
        "1,Toy Story 2,\n3,,Drama\n,Lost,\n4,,\n",
    )
    items = read_items(path)
    assert dict(zip(items.ids, items.texts, strict=True)) == {
        "1": "Toy Story. Comedy, Kids",
        "2": "Heat",
        "3": "Drama",
        "4": "",
    }
    assert items.repeats == 1
    assert [(r.line, r.reason) for r in items.rejects.examples] == [(6, "no item")]


def test_item_text_can_be_said(tmp_path: Path) -> None:
    """A flag's columns are the text, and nothing is added."""
    path = write(tmp_path / "items.csv", "id,title,genres,plot\n1,Heat,Crime,Cops and robbers\n")
    assert read_items(path, columns={Role.TEXT: "plot+title"}).texts == ("Cops and robbers. Heat",)


def test_item_table_without_a_text_is_refused(tmp_path: Path) -> None:
    """Items without words cannot be embedded."""
    with pytest.raises(DataError, match="text=COLUMN"):
        read_items(write(tmp_path / "items.csv", "id,price\n1,2\n"))


def test_lists_in_texts_are_written_out(tmp_path: Path) -> None:
    """Of JSON and of Python, nested, of objects by their names; a title in brackets stays."""
    path = tmp_path / "meta.jsonl"
    rows = (
        '{"asin": "B1", "title": "Pen", "categories": [["Office", "Pens"], ["Office", "Ink"]]}',
        '{"asin": "B2", "title": "[REC]", "categories": []}',
        '{"asin": "B3", "title": "[1984]", "categories": null}',
    )
    path.write_text("\n".join(rows))
    assert read_items(path).texts == ("Pen. Office, Pens, Ink", "[REC]", "[1984]")
    genres = [{"id": 16, "name": "Animation"}, {"id": 10, "name": "Family"}]
    films = write(tmp_path / "films.csv", f'id,title,genres\n7,Up,"{genres}"\n')
    assert read_items(films).texts == ("Up. Animation, Family",)
