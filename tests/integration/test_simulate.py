"""``penchant simulate`` on MovieLens-100K with a real language model, as a user runs it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from penchant.simulation.report import read_rounds, read_summary

SMALL = ("--devices", "60", "--rounds", "6", "--cohort", "30")
SECONDS = 600


def start(folder: Path, *flags: str) -> "subprocess.Popen[str]":
    """Start ``penchant simulate`` in a process of its own."""
    command = [str(Path(sys.executable).with_name("penchant")), "simulate", "--out", str(folder)]
    return subprocess.Popen(
        [*command, *SMALL, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a process and return its exit code, output and error output."""
    out, error = process.communicate(timeout=SECONDS)
    return process.returncode, out, error


def wait_for_rounds(folder: Path, rounds: int) -> None:
    """Wait until a run has finished so many rounds."""
    deadline = time.monotonic() + SECONDS
    while len(read_rounds(folder)) < rounds:
        if time.monotonic() > deadline:
            pytest.fail(f"round {rounds} was not finished in {SECONDS} seconds")
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    code, out, error = finish(start(folder))
    assert code == 0, error
    assert "HR@10" in out
    return folder


def test_run_tells_each_round_and_leaves_a_report(whole: Path) -> None:
    """All rounds are recorded, the data are the real ones, and the page is there."""
    summary = read_summary(whole)
    assert (summary.dataset.items, summary.devices, summary.rounds) == (1682, 60, 6)
    assert summary.encoder.model == "sentence-transformers/all-MiniLM-L6-v2"
    assert [record.round for record in read_rounds(whole)] == [1, 2, 3, 4, 5, 6]
    assert "<html" in (whole / "report.html").read_text()
    assert summary.leak_check is not None
    assert not summary.leak_check.suspected


def test_ctrl_c_leaves_a_run_that_resume_continues(whole: Path, tmp_path: Path) -> None:
    """Interrupted by Ctrl-C and resumed, a run ends as the uninterrupted one, bit for bit."""
    folder = tmp_path / "run"
    process = start(folder)
    wait_for_rounds(folder, 1)  # five are left for the signal to come in
    process.send_signal(signal.SIGINT)
    code, _, error = finish(process)
    assert code == 130
    assert "--resume" in error.splitlines()[-1]
    assert len(read_rounds(folder)) < 6
    code, _, error = finish(start(folder, "--resume"))
    assert code == 0, error
    assert read_summary(folder).reproducible() == read_summary(whole).reproducible()


def test_kill_leaves_a_run_that_resume_continues(whole: Path, tmp_path: Path) -> None:
    """The same after kill -9."""
    folder = tmp_path / "run"
    process = start(folder)
    wait_for_rounds(folder, 3)
    process.kill()
    finish(process)
    code, _, error = finish(start(folder, "--resume"))
    assert code == 0, error
    assert read_summary(folder).reproducible() == read_summary(whole).reproducible()


@pytest.mark.parametrize("flags", [["--quiet"]])
def test_quiet_says_nothing(tmp_path: Path, flags: Sequence[str]) -> None:
    """--quiet prints nothing at all."""
    assert finish(start(tmp_path / "run", *flags)) == (0, "", "")


def test_generated_population_runs_by_its_name(tmp_path: Path) -> None:
    """The summary names the population, so that it can be generated again."""
    name = "synthetic:devices=100,texts=movielens-100k,switches=1.5"
    code, _, error = finish(start(tmp_path / "run", "--dataset", name, "--preset", "compact"))
    assert code == 0, error
    summary = read_summary(tmp_path / "run")
    assert (summary.dataset.name, summary.dataset.items, summary.devices) == (name, 1682, 60)
