"""``penchant sweep`` on MovieLens-100K with a real language model, stopped and continued."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from penchant.simulation.report.summary import has_summary
from penchant.simulation.sweep.section import read_sweep

GRID = ("--epsilon", "8,inf", "--seeds", "0,1", "--delta", "1e-4")
SMALL = ("--dataset", "movielens-100k", "--devices", "40", "--rounds", "4", "--cohort", "20")
RUNS, SECONDS = 4, 300


def start(folder: Path, *flags: str) -> "subprocess.Popen[str]":
    """Start ``penchant sweep`` in a process of its own, in a group of its own."""
    command = [str(Path(sys.executable).with_name("penchant")), "sweep", "--out", str(folder)]
    return subprocess.Popen(
        [*command, *GRID, *SMALL, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def ended(folder: Path) -> dict[str, int]:
    """When each run that has ended did, by name."""
    return {
        run.name: (run / "summary.json").stat().st_mtime_ns
        for run in (folder / "runs").glob("*")
        if has_summary(run)
    }


def wait_for_a_run(folder: Path) -> None:
    """Wait until a run has ended."""
    deadline = time.monotonic() + SECONDS
    while not ended(folder):
        if time.monotonic() > deadline:
            pytest.fail(f"no run has ended in {SECONDS} seconds")
        time.sleep(0.02)


def wait_for_no_process(group: int) -> None:
    """Wait until a process group is empty; multiprocessing's tracker ends after its parent."""
    deadline = time.monotonic() + SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)
        pytest.fail(f"processes were left running {SECONDS} seconds after the sweep had ended")


@pytest.mark.parametrize(
    ("number", "jobs", "whole_group", "code"),
    [
        pytest.param(signal.SIGINT, "2", True, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, "1", False, 143, id="SIGTERM"),
    ],
)
def test_stopped_sweep_shows_what_it_has_and_goes_on(
    tmp_path: Path, number: signal.Signals, jobs: str, whole_group: bool, code: int
) -> None:
    """Stopped, it leaves a page marked as partial and no process; repeated, it ends as a whole."""
    process = start(tmp_path, "--jobs", jobs)
    wait_for_a_run(tmp_path)
    if whole_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, error = process.communicate(timeout=SECONDS)
    assert process.returncode == code, error
    wait_for_no_process(process.pid)
    done = ended(tmp_path)
    assert 0 < len(done) < RUNS
    told = error.splitlines()[-1]
    assert f"{len(done)} of {RUNS} runs have ended, see {tmp_path / 'sweep.html'}" in told
    assert "to continue: penchant sweep --epsilon 8,inf" in told
    assert "Traceback" not in error
    partial = read_sweep(tmp_path)
    assert ({run.name for run in partial.runs}, partial.planned) == (set(done), RUNS)
    page = (tmp_path / "sweep.html").read_text("utf-8")
    assert f"Partial, {len(done)} of {RUNS} runs" in page

    again = start(tmp_path)
    _, error = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, error
    whole = read_sweep(tmp_path)
    assert (len(whole.runs), whole.left) == (RUNS, 0)
    assert "Partial" not in (tmp_path / "sweep.html").read_text("utf-8")
    assert ended(tmp_path).items() >= done.items()


def test_sweep_stopped_before_a_run_has_ended_tells_so(tmp_path: Path) -> None:
    """There is no page of nothing, and what to do is told."""
    process = start(tmp_path)
    deadline = time.monotonic() + SECONDS
    while not list(tmp_path.glob("runs/*/settings.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=SECONDS)
    assert process.returncode == 143, error
    assert f"stopped; 0 of {RUNS} runs have ended; to continue: penchant" in error
    assert not (tmp_path / "sweep.html").exists()
