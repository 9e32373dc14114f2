"""Tests of benchmarks/cohort.py: on tiny work it runs whole, and its check can fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cohort.py"
TINY = "--devices 4 --cohort 2 --items 50 --features 6 --dimension 3 --repeats 1 --seconds 0"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the benchmark on tiny work."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *TINY.split(), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"COLUMNS": "120"},
    )


def test_it_compares_and_checks_who_is_there(tmp_path: Path) -> None:
    """Both tables, and a figure of each kind for each contestant, agreeing to 1e-4."""
    sections = ("--section", "user-level", "--section", "event-level")
    done = run(*sections, "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    assert "user level" in done.stdout
    assert "event level" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    takers = {"clipped": ["penchant", "loop", "vmap"], "private": ["penchant", "vmap", "opacus"]}
    for form, names in takers.items():
        for name in names:
            assert figures[f"{form}_{name}_devices_per_second"] > 0
            assert figures[f"{form}_{name}_peak_rss_mb"] > 10
            assert figures[f"{form}_{name}_relative_difference"] <= 1e-4
            ratio = (
                figures[f"{form}_penchant_devices_per_second"]
                / figures[f"{form}_{name}_devices_per_second"]
            )
            assert figures[f"{form}_ours_over_{name}"] == pytest.approx(ratio)


def test_a_contestant_that_fails_fails_the_run(tmp_path: Path) -> None:
    """An interpreter that cannot do the work ends the run, named, without figures."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    done = run("--section", "user-level", "--fedjax-python", str(broken))
    assert done.returncode != 0
    assert "fedjax ended with exit code 3" in done.stderr


def test_a_contestant_that_does_other_work_fails_the_run(tmp_path: Path) -> None:
    """One whose outcome differs is not timed but refused."""
    other = tmp_path / "python"
    other.write_text(
        f"""#!{sys.executable}
import json, sys
import numpy as np
_, script, work, outcome, form = sys.argv
print("{{}}", flush=True)
for line in sys.stdin:
    with np.load(work) as start:
        np.savez(outcome, **{{name: start[name] for name in ("weights", "bias", "vectors")}})
    print(json.dumps({{"seconds": 1.0, "rss_mb": 1.0}}), flush=True)
"""
    )
    other.chmod(0o755)
    done = run("--section", "user-level", "--fedjax-python", str(other))
    assert done.returncode != 0
    assert "fedjax differs from penchant" in done.stderr
