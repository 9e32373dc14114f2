"""``penchant simulate`` by other protocols and with all controls, from flags to report."""

from pathlib import Path

import pytest

from penchant.shared.command_line import main
from penchant.simulation.report import Summary, read_summary

DATASET = "synthetic:devices=120,items=300,events=20"


def simulate(out: Path, *flags: str) -> Summary:
    """Run a short simulation and return its summary."""
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "--dataset", DATASET, "--rounds", "3", "--out", str(out), *flags])
    assert stopped.value.code == 0
    return read_summary(out)


def test_cold_start_tests_new_people_and_unseen_items_apart(tmp_path: Path) -> None:
    """Four groups, all controls in each, and who trains is nine tenths of the people."""
    flags = ("--protocol", "cold-start", "--controls", "all", "--preset", "text")
    summary = simulate(tmp_path / "run", *flags)
    assert (summary.protocol, summary.devices, summary.dataset.people) == ("cold-start", 108, 120)
    assert list(summary.groups) == [
        "known people, known items",
        "new people, known items",
        "known people, unseen items",
        "new people, unseen items",
    ]
    for name, group in summary.groups.items():
        assert (group.test.unseen is not None) == ("unseen" in name)
        assert group.test.lists is None
    assert summary.controls.left_out == {}
    titles = ["popularity", *(control.title for control in summary.controls.tuned.values())]
    assert list(summary.groups["new people, unseen items"].controls) == titles
    assert {"lightgbm", "central", "ease", "als"} <= set(summary.controls.tuned)
    assert summary.test.lists is not None
    assert summary.test.full == summary.groups["known people, known items"].test.full
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Known people, unseen items" in page
    assert "same ranker, trained centrally" in page


def test_time_split_without_controls(tmp_path: Path) -> None:
    """Popularity stays; no device trains alone, so there is no check for leaks, and no claim."""
    summary = simulate(tmp_path / "run", "--protocol", "time", "--controls", "none")
    assert summary.protocol == "time"
    assert summary.controls.tuned == {}
    assert summary.controls.no_federation is None
    assert summary.leak_check is None
    assert summary.evaluated_people is not None
    page = (tmp_path / "run" / "report.html").read_text()
    assert "At one moment training ends for everybody" in page
    assert "no federation" not in page


@pytest.mark.parametrize("flag", ["--protocol", "--controls"])
def test_unknown_values_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    """One line that names the flag's value, exit code 2, and nothing written."""
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", flag, "sometimes", "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    assert "sometimes" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
