"""Drift of a run's ranker, from flags to report."""

import json
from pathlib import Path

import pytest

from penchant.shared.command_line import main

DATASET = "synthetic:devices=60,items=200,events=60,switches=1.0"


def penchant(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(str(stopped.value.code or 0))


def test_a_run_has_drift_and_more_can_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run measures some by itself, without controls too; later it is people who took no part."""
    out = tmp_path / "run"
    data = ("--dataset", DATASET, "--devices", "40", "--rounds", "2")
    flags = (*data, "--quiet", "--controls", "none")
    assert penchant("simulate", *flags, "--out", str(out)) == 0
    brief = json.loads((out / "drift.json").read_text())
    assert brief["subject"] == "trained ranker"
    assert brief["trained_on"] is True
    page = (out / "report.html").read_text()
    assert 'id="drift"' in page
    assert 'id="portrait"' in page
    capsys.readouterr()

    measured = ("--run", str(out), "--before", "5", "--after", "10", "--every", "5", "--json")
    assert penchant("evaluate", "drift", *measured) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads((out / "drift.json").read_text()) == found
    assert (found["trained_on"], found["before"], found["after"]) == (False, 5, 10)
    assert 10 <= found["people"] <= 20
    assert {profile["name"] for profile in found["profiles"]} >= {"device", "retrained", "static"}
    assert (out / "drift.html").exists()
    assert "has learnt nothing from these people" in (out / "report.html").read_text()
    assert found["command"] in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--run", "RUN", "--dataset", "movielens-100k"], "it does not go with --run"),
        (["--every", "5"], "it does not go without --run"),
        (["--run", "RUN"], "holds no run that has ended"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, and nothing written."""
    given = [str(tmp_path) if flag == "RUN" else flag for flag in flags]
    assert penchant("evaluate", "drift", *given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not any(tmp_path.iterdir())
