"""Tests of ``summary.json``: its contract holds for writing and for reading."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penchant.shared.errors import DataError
from penchant.simulation.report import Summary, read_summary, write_summary

Fields = dict[str, Any]
UNITS = ["none", "event", "user", "both"]


def privacy_of(unit: str) -> Fields:
    """A valid privacy record of each unit."""
    guarantee = {
        "epsilon": 8.0,
        "delta": 1e-6,
        "noise_multiplier": 4.0,
        "clipping_norm": 1.0,
        "accountant": "PLD",
        "adversary": "whoever gets a released ranker",
    }
    records: dict[str, Fields] = {"none": {}, "both": {"event": guarantee, "user": guarantee}}
    return {"unit": unit, **records.get(unit, guarantee)}


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_written_is_read_again(tmp_path: Path, summary_fields: Fields, unit: str) -> None:
    """Every kind of privacy record survives, and the file has the names that were agreed on."""
    summary = Summary.model_validate(summary_fields | {"privacy": privacy_of(unit)})
    path = write_summary(tmp_path, summary)
    assert read_summary(tmp_path) == summary
    written = json.loads(path.read_text())
    assert written["privacy"]["unit"] == unit
    assert written["test"]["full"]["hr@10"] == 0.176
    assert written["controls"]["no_federation"]["sampled99"]["ndcg@10"] == pytest.approx(0.1565)
    assert set(written["test"]["full"]["interval"]) == {"hr@10", "ndcg@10", "mrr"}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_no_privacy_still_names_its_fields(tmp_path: Path, summary_fields: Fields) -> None:
    """Whoever reads ``privacy.epsilon`` of a run without privacy finds null, not a missing key."""
    path = write_summary(
        tmp_path, Summary.model_validate(summary_fields | {"privacy": {"unit": "none"}})
    )
    privacy = json.loads(path.read_text())["privacy"]
    assert {"epsilon", "delta", "noise_multiplier", "clipping_norm", "accountant"} <= set(privacy)
    assert privacy["epsilon"] is None


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (("test", "full", "hr@10"), "test.full.hr@10"),
        (("controls", "popularity"), "controls.popularity"),
        (("privacy", "adversary"), "privacy.user.adversary"),
        (("seed",), "seed"),
    ],
)
def test_missing_key_is_named(
    tmp_path: Path, summary_fields: Fields, where: tuple[str, ...], named: str
) -> None:
    """A summary without a key it needs is one clear error that names the file and the key."""
    path = write_summary(tmp_path, Summary.model_validate(summary_fields))
    content = json.loads(path.read_text())
    part = content
    for key in where[:-1]:
        part = part[key]
    del part[where[-1]]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=f"summary.json.*{named}: Field required"):
        read_summary(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"devices": 0},
        {"devices": "940"},
        {"surprise": 1},
        {"privacy": {"unit": "group"}},
        {"privacy": privacy_of("user") | {"epsilon": 0.0}},
        {"privacy": privacy_of("user") | {"epsilon": float("inf")}},
        {"privacy": privacy_of("user") | {"delta": 1.0}},
        {"privacy": {"unit": "none", "epsilon": 8.0}},
    ],
)
def test_values_that_mean_nothing_are_refused(summary_fields: Fields, change: Fields) -> None:
    """Out of range, of the wrong type, unknown, or a promise without privacy: not a summary."""
    with pytest.raises(ValidationError):
        Summary.model_validate(summary_fields | change)


def test_absent_and_broken_files_are_clear_errors(tmp_path: Path) -> None:
    """No file, or one that is no JSON, says which file and what to do."""
    with pytest.raises(DataError, match="give the output folder of a finished run"):
        read_summary(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(DataError, match=r"summary\.json is not a valid Summary"):
        read_summary(tmp_path)


def test_many_problems_are_counted_not_listed(tmp_path: Path) -> None:
    """An empty object lacks everything; the error stays short."""
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(DataError, match=r"; and \d+ more$"):
        read_summary(tmp_path)


def test_reproducible_part_leaves_out_the_clock_only(summary_fields: Fields) -> None:
    """Two runs of one seed agree in all but time, speed, memory and output folder."""
    summary = Summary.model_validate(summary_fields)
    clock = {"throughput", "started", "finished", "command"}
    assert set(summary.reproducible()) == set(Summary.model_fields) - clock
    slower = summary_fields["throughput"] | {"seconds_per_round": 99.0}
    again = Summary.model_validate(summary_fields | {"throughput": slower, "command": "other"})
    assert json.dumps(again.reproducible()) == json.dumps(summary.reproducible())
    other = Summary.model_validate(summary_fields | {"seed": 78})
    assert other.reproducible() != summary.reproducible()
