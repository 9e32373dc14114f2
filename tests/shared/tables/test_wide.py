"""Tests of the wide form: one row a person, lists in cells, in whatever form people write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.shared.tables import Entry, WideTable, column_separator, is_wide, parse_cell
from penchant.shared.tables.cells import SEPARATORS

MOMENT = 1704164645  # 2024-01-02T03:04:05Z
DAY = 1704153600


@pytest.mark.parametrize(
    ("cell", "separator", "things"),
    [
        ("a;b; c ", ";", ["a", "b", "c"]),
        ("耳机；手机;电脑", ";", ["耳机", "手机", "电脑"]),  # noqa: RUF001
        ("耳机、手机、电脑", "、", ["耳机", "手机", "电脑"]),
        ("耳机，手机,电脑", ",", ["耳机", "手机", "电脑"]),  # noqa: RUF001
        ("耳机｜手机|电脑", "|", ["耳机", "手机", "电脑"]),  # noqa: RUF001
        ("a\nb\r\nc", "newline", ["a", "b", "c"]),
        ("N1 N2  N3", "space", ["N1", "N2", "N3"]),
        ("a->b->c", "->", ["a", "b", "c"]),
        ('["a, b", "c", 7, null]', ",", ["a, b", "c", "7"]),
        ("['a', 'it''s']", ",", ["a", "its"]),
        ("「耳机」；《三体》", ";", ["耳机", "三体"]),  # noqa: RUF001
        ("[draft] a;b", ";", ["[draft] a", "b"]),
        (";;a;;", ";", ["a"]),
        ("无", ";", []),
        ("[]", ";", []),
        ("N/A", ";", []),
        ("　耳机　", ";", ["耳机"]),
    ],
)
def test_cell_is_cut_into_its_entries(cell: str, separator: str, things: list[str]) -> None:
    """Half and full width are one; JSON and printed lists are read as such; nothing is empty."""
    assert [entry.thing for entry in parse_cell(cell, separator)] == things


@pytest.mark.parametrize(
    ("cell", "thing", "time"),
    [
        ("m7@2024-01-02T03:04:05Z", "m7", MOMENT),
        ("m7@1704164645", "m7", MOMENT),
        ("m7:1704164645000", "m7", MOMENT),
        ("Heat (2024-01-02)", "Heat", DAY),
        ("耳机（2024-01-02 03:04:05）", "耳机", MOMENT),  # noqa: RUF001
        ("【2024年1月2日】耳机", "耳机", DAY),
        ("2024-01-02 03:04:05 耳机", "耳机", MOMENT),
        ("2024/1/2 耳机 手机", "耳机 手机", DAY),
        ("m7:2024-01-02", "m7", DAY),
        ("m7,2024-01-02 03:04:05", "m7", MOMENT),
        ("耳机 2024年1月2日 3时4分5秒", "耳机", MOMENT),
        ("Daily report 2024-01-02", "Daily report 2024-01-02", None),
        ('[["m7", "2024-01-02"]]', "m7", DAY),
        ('[{"item": 7, "timestamp": 1704164645}]', "7", MOMENT),
        ("ann@example.org", "ann@example.org", None),
        ("Heat (1995)", "Heat (1995)", None),
        ("2001: A Space Odyssey", "2001: A Space Odyssey", None),
        ("ratio 3:12", "ratio 3:12", None),
        ("2024-99-99 Heat", "2024-99-99 Heat", None),
    ],
)
def test_entry_may_tell_its_time(cell: str, thing: str, time: int | None) -> None:
    """What is no time stays part of the entry."""
    assert parse_cell(cell, ";") == [Entry(thing, time=time)]


def test_separator_is_the_columns_not_the_cells() -> None:
    """A comma in a title does not cut it where the column's lists have semicolons."""
    assert column_separator(["Paris, Texas;Heat", "Crash, 1996", "a;b"]) == ";"
    assert column_separator(["a、b，c", "d、e"]) == "、"  # noqa: RUF001
    assert column_separator(["a，b", "c"]) == ","  # noqa: RUF001
    assert column_separator(["one", "two"]) == ","
    assert column_separator(["N12 N7", "N3", ""]) == "space"
    assert column_separator(["7 Samurai", "Apollo 13"]) == ","
    # One stray bar among many lists with commas is a letter.
    assert column_separator(["a|b,c", *["a,b"] * 30]) == ","


@given(
    st.sampled_from(sorted(SEPARATORS)),
    st.lists(st.text(alphabet="abc中文 XYZ", min_size=1).filter(str.strip), min_size=1),
)
def test_joined_entries_come_apart_again(separator: str, things: list[str]) -> None:
    """Every list of plain entries, joined by any separator in any width, is read back."""
    expected = [thing.strip() for thing in things if thing.strip().casefold() not in ("nan", "na")]
    for mark in SEPARATORS[separator]:
        assert [e.thing for e in parse_cell(mark.join(things), separator)] == expected


@given(st.text(), st.sampled_from([*SEPARATORS, "space"]))
def test_any_cell_is_read(cell: str, separator: str) -> None:
    """No cell is an error, and no entry is empty."""
    assert all(entry.thing.strip() for entry in parse_cell(cell, separator))


HEADERS = (
    ("user id", "browsing history", "search records", "click behaviour"),
    ("用户ID", "浏览历史", "搜索记录", "点击行为"),
    ("user_id", "browse_history", "search_history", "click_behavior"),
)


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_wide_table_is_read_whatever_its_headers_and_encoding(
    headers: tuple[str, ...], encoding: str, tmp_path: Path
) -> None:
    """Views, searches and clicks, side by side in their order, a row a person."""
    path = tmp_path / "people.csv"
    text = (
        ",".join(headers) + "\n"
        '甲,无线耳机；机械键盘；显示器,"键盘 推荐，耳机",机械键盘\n'  # noqa: RUF001
        "乙,,,\n"
        ",孤儿,,\n"
    )
    path.write_bytes(text.encode(encoding))
    table = WideTable.open(path)
    first, second = table.people()
    assert is_wide(table.table.columns)
    assert (first.user, first.timed) == ("甲", False)
    assert [(event.kind, event.entry.thing) for event in first.events] == [
        ("view", "无线耳机"),
        ("search", "键盘 推荐"),
        ("view", "机械键盘"),
        ("click", "机械键盘"),
        ("search", "耳机"),
        ("view", "显示器"),
    ]
    assert second.events == ()
    assert [(r.line, r.reason) for r in table.rejects.examples] == [(4, "no user")]


def test_times_order_the_lists_where_all_entries_have_one(tmp_path: Path) -> None:
    """Else lists keep the order they are written in; newest first is turned around."""
    path = tmp_path / "people.tsv"
    path.write_text("user\thistory\tclicks\na\tx@2024-01-03;y@2024-01-01\tz@2024-01-02\nb\tx;y\t\n")
    a, b = WideTable.open(path).people()
    assert a.timed
    assert [event.entry.thing for event in a.events] == ["y", "z", "x"]
    assert [event.entry.thing for event in b.events] == ["x", "y"]
    _, b = WideTable.open(path, newest_first=True).people()
    assert [event.entry.thing for event in b.events] == ["y", "x"]


def test_long_table_is_not_wide(tmp_path: Path) -> None:
    """The error says what the wide form needs."""
    path = tmp_path / "log.csv"
    path.write_text("user,item\na,m1\n")
    with pytest.raises(DataError, match="at least one of browsing history, search records"):
        WideTable.open(path)
    assert not is_wide(("user", "item"))
