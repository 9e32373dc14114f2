"""Tests of reading one person's log from tables."""

import os
import zipfile
from pathlib import Path

import pytest

from penchant.client.events import EventKind
from penchant.client.imports import Log, read_log
from penchant.shared.errors import DataError
from penchant.shared.tables import KINDS, Role


def write(path: Path, text: str, *, at: int = 1_700_000_000) -> Path:
    """Write a table that was last written at a certain time."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))
    return path


def plain(log: Log) -> list[tuple[object, ...]]:
    """Return kind, item, text and time of each event."""
    return [(event.kind, event.item, event.text, event.time) for event in log.events]


def test_kinds_of_tables_are_the_devices() -> None:
    """Every kind that a table can tell is one that a device takes, and the other way round."""
    assert set(KINDS) == {kind.value for kind in EventKind}


def test_one_persons_events_are_read_in_order_of_time(tmp_path: Path) -> None:
    """Other people's rows are not theirs; rows of one time keep the file's order."""
    path = write(
        tmp_path / "log.csv",
        "user,item,time,action,title\nann,b,1600000200,click,B\nbob,x,1600000000,view,\n"
        "ann,a,1600000100,view,\nann,,1600000200,search,drei Bücher\n",
    )
    log = read_log(path, user="ann")
    assert log.user == "ann"
    assert plain(log) == [
        ("view", "a", None, 1600000100),
        ("click", "b", "B", 1600000200),
        ("search", None, "drei Bücher", 1600000200),
    ]


def test_several_people_need_a_choice(tmp_path: Path) -> None:
    """The error names two of them; one person alone need not be chosen."""
    path = write(tmp_path / "log.csv", "user,item\nann,a\nbob,b\n")
    with pytest.raises(DataError, match=r"such as 'ann' and 'bob'.*--user 'ann'"):
        read_log(path)
    with pytest.raises(DataError, match="no events of 'eve'"):
        read_log(path, user="eve")
    assert read_log(write(tmp_path / "one.csv", "user,item\nann,a\nann,b\n")).user == "ann"
    assert read_log(write(tmp_path / "none.csv", "item\na\nb\n")).user is None


@pytest.mark.parametrize("header", ["item", "item,time"])
def test_order_only_events_end_when_the_file_was_written(header: str, tmp_path: Path) -> None:
    """An hour apart, so that importing the file again gives the same times."""
    rows = "a,1\nb,2\nc,3\n" if "," in header else "a\nb\nc\n"
    log = read_log(write(tmp_path / "log.csv", f"{header}\n{rows}"))
    assert not log.has_times
    assert [event.time for event in log.events] == [1_699_992_800, 1_699_996_400, 1_700_000_000]


def test_very_long_order_only_log_does_not_begin_before_1970(tmp_path: Path) -> None:
    """Steps shrink instead."""
    log = read_log(write(tmp_path / "log.csv", "item\n" + "a\n" * 1000, at=100_000))
    assert log.events[0].time >= 0
    assert {b.time - a.time for a, b in zip(log.events, log.events[1:], strict=False)} == {100}


def test_wide_row_is_one_persons_log(tmp_path: Path) -> None:
    """Views, searches and clicks of the person who was chosen, in their order."""
    path = write(
        tmp_path / "people.csv",
        "用户ID,浏览历史,搜索记录,点击行为\n"
        "甲,a@2024-01-01;b@2024-01-03,好书@2024-01-02,b@2024-01-04\n乙,c,,\n",
    )
    log = read_log(path, user="甲")
    assert log.has_times
    assert [(event.kind, event.item, event.text) for event in log.events] == [
        ("view", "a", None),
        ("search", None, "好书"),
        ("view", "b", None),
        ("click", "b", None),
    ]
    assert not read_log(path, user="乙").has_times


def test_too_many_malformed_rows_are_refused_with_lines(tmp_path: Path) -> None:
    """Up to the share that is tolerated they are counted and left out."""
    path = write(tmp_path / "log.csv", "item,time\na,2024-01-01\nb,soon\nc,2024-01-02\n")
    with pytest.raises(DataError, match=r"1 of 3 rows .*line 3: not a time: 'soon'"):
        read_log(path)
    log = read_log(path, tolerance=0.34)
    assert (len(log.events), log.rejects.count) == (2, 1)


def test_json_in_an_archive_with_times_in_a_form_that_is_said(tmp_path: Path) -> None:
    """What a simulation reads a device reads too; without times the archive's own time counts."""
    line = '{"user": "ann", "item": "a", "date": "05/03/2024"}\n'
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        archive.writestr("log.jsonl", line)
    os.utime(tmp_path / "log.zip", (1_700_000_000, 1_700_000_000))
    inside = tmp_path / "log.zip" / "log.jsonl"
    (event,) = read_log(inside, time_format="%d/%m/%Y").events
    assert (event.item, event.time) == ("a", 1_709_596_800)
    (event,) = read_log(inside, columns={Role.TIME: "none"}).events
    assert event.time == 1_700_000_000
