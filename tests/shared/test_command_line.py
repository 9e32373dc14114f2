"""Tests of the ``penchant`` command itself."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penchant.shared.command_line import main

# A part that brings commands, as any installed distribution can.
PART = """
import typer
from penchant.shared.errors import ConfigurationError

def refuse():
    raise ConfigurationError("--devices is 0;\\n  give at least 1")

def interrupt():
    raise KeyboardInterrupt

def ask():
    typer.confirm("Sure?", abort=True)

def crash():
    raise RuntimeError("a defect")

def status(code: int):
    raise typer.Exit(code)

group = typer.Typer()

@group.command()
def first():
    typer.echo("first of the group")

@group.command()
def second():
    pass
"""
ENTRY_POINTS = """[penchant.commands]
refuse = a_part:refuse
interrupt = a_part:interrupt
ask = a_part:ask
crash = a_part:crash
status = a_part:status
group = a_part:group
"""


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second distribution, installed beside penchant."""
    (tmp_path / "a_part.py").write_text(PART)
    information = tmp_path / "a_part-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: a-part\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("a_part", None)


def run(*arguments: str) -> int | str | None:
    """Run the command and return the exit code."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-flag"], ["simulate", "x"]])
def test_bad_usage_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input gives one clear line, naming what was wrong, and exit code 2."""
    assert run(*arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("penchant: ")
    assert arguments[-1] in line


def test_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """``penchant --version`` names the installed version and succeeds."""
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("penchant ")


def test_help_lists_every_part_s_commands(
    part: None,  # noqa: ARG001
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is installed under the entry point group is a command."""
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("simulate", "assets", "encoder", "refuse", "group"))


@pytest.mark.usefixtures("part")
def test_a_penchant_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors raised on purpose are told in one line, however they were broken into several."""
    assert run("refuse") == 2
    assert capsys.readouterr().err == "penchant: --devices is 0; give at least 1\n"


@pytest.mark.usefixtures("part")
def test_an_interrupt_is_exit_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with the shell's own code for it and no traceback."""
    assert run("interrupt") == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize("answer", ["n\n", ""])
def test_a_question_declined_is_one_line_and_exit_code_1(
    answer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No, or no answer because nobody is there, ends the command without a traceback."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert run("ask") == 1
    assert capsys.readouterr().err.strip() == "penchant: nothing was done"


@pytest.mark.usefixtures("part")
def test_a_defect_is_not_hidden() -> None:
    """An error that penchant did not raise on purpose keeps its traceback."""
    with pytest.raises(RuntimeError, match="a defect"):
        main(["crash"])


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize("code", [0, 3])
def test_a_command_s_own_exit_code_is_kept(code: int) -> None:
    """A command may exit as it likes."""
    assert run("status", str(code)) == code


@pytest.mark.usefixtures("part")
def test_a_part_may_bring_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    """A ``typer.Typer`` is a command with commands of its own."""
    assert run("group", "first") == 0
    assert capsys.readouterr().out == "first of the group\n"


def test_help_loads_no_framework() -> None:
    """The command line starts fast: commands import their frameworks only when they run."""
    program = (
        "import sys\n"
        "from penchant.shared.command_line import application\n"
        "application()\n"
        "heavy = {'torch', 'opacus', 'flwr', 'transformers', 'onnxruntime', 'polars'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"
