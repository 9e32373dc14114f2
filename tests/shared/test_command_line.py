"""Tests of the ``penchant`` command itself."""

import pytest

from penchant.shared.command_line import main


def test_unknown_command_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input gives one clear line and exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        main(["no-such-command"])
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no-such-command" in lines[0]


def test_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """``penchant --version`` names the installed version and succeeds."""
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("penchant ")
