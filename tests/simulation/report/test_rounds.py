"""Tests of ``metrics.jsonl``: appended, read, and resumed after a kill."""

import json
from pathlib import Path

import pytest

from penchant.shared.errors import DataError
from penchant.simulation.report import RoundRecord, append_round, read_rounds, rewind_rounds


def write(folder: Path, records: list[RoundRecord]) -> Path:
    """Append all rounds and return the file."""
    for record in records:
        append_round(folder, record)
    return folder / "metrics.jsonl"


def test_rounds_come_back_in_order(tmp_path: Path, round_records: list[RoundRecord]) -> None:
    """Each round is one line of JSON, and all of them are read again."""
    file = write(tmp_path, round_records)
    assert read_rounds(tmp_path) == round_records
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["round"] for line in lines] == [1, 2, 3, 4]
    assert lines[1]["validation"]["full"]["hr@10"] == 0.1
    assert "validation" not in lines[0]
    assert "loss" not in lines[2]


def test_no_file_is_no_rounds(tmp_path: Path) -> None:
    """A run that has not finished a round has none."""
    assert read_rounds(tmp_path) == []


def test_line_cut_short_by_a_kill_is_left_out(
    tmp_path: Path, round_records: list[RoundRecord]
) -> None:
    """A process may die while it writes; the rounds before are not lost."""
    file = write(tmp_path, round_records)
    file.write_bytes(file.read_bytes()[:-5])
    assert read_rounds(tmp_path) == round_records[:3]


def test_resumed_run_goes_on_where_its_checkpoint_is(
    tmp_path: Path, round_records: list[RoundRecord]
) -> None:
    """Rounds after the checkpoint, whole or cut short, make room for the new ones."""
    file = write(tmp_path, round_records)
    file.write_bytes(file.read_bytes()[:-5])
    assert rewind_rounds(tmp_path, last=2) == round_records[:2]
    write(tmp_path, round_records[2:])
    assert read_rounds(tmp_path) == round_records
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


@pytest.mark.parametrize("line", ["", "{}", '{"round": 5, "devices": "many", "seconds": 1}', "{"])
def test_malformed_line_is_named(
    tmp_path: Path, round_records: list[RoundRecord], line: str
) -> None:
    """A line in the middle that is no round is an error with its number."""
    file = write(tmp_path, round_records)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"line 5 of .*metrics\.jsonl is not a valid RoundRecord"):
        read_rounds(tmp_path)


def test_rounds_of_two_runs_are_refused(tmp_path: Path, round_records: list[RoundRecord]) -> None:
    """Rounds that do not rise come from two runs in one folder."""
    write(tmp_path, [*round_records, round_records[1]])
    with pytest.raises(DataError, match=r"line 5 .* is round 2, after round 4"):
        read_rounds(tmp_path)
