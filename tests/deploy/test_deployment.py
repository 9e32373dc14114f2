"""Tests of the deployment files with the tools that know them best."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


def said(*command: str) -> str:
    """What a checker says of a file: nothing, if it is content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"[{done.returncode}]")


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    """The Dockerfile is not built here; at least it is one, and follows the usual rules."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    hadolint = shutil.which("hadolint", path=os.pathsep.join(places))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    assert said(hadolint, str(DEPLOY / "Dockerfile")) == ""


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Every setting is one that systemd knows; the program, which is not installed here, aside."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = (DEPLOY / "penchant.service").read_text()
    installed = unit.replace("/opt/penchant/bin/penchant", shutil.which("true") or "/bin/true")
    assert installed != unit
    copy = tmp_path / "penchant.service"
    copy.write_text(installed)
    assert said(analyze, "verify", str(copy)) == ""
