"""Tests of ``penchant encoder`` as a person uses it."""

import subprocess
import sys
from pathlib import Path

import pytest

from penchant.shared.command_line import main
from penchant.shared.encoding import Encoder


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["encoder", *arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_build_makes_a_bundle_and_shows_it(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bundle is where it was asked for, as it was asked for."""
    out = tmp_path / "bundle"
    options = ["--max-length", "16", "--name", "a/b", "--language", "en", "--language", "de"]
    assert _run("build", str(checkpoint), "--out", str(out), *options) == 0
    shown = capsys.readouterr().out
    encoder = Encoder.open(out)
    for part in ("a/b", "en, de", "16 tokens", "int8", encoder.fingerprint):
        assert part in shown


def test_show_checks_and_shows_a_bundle(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees what the manifest says."""
    assert _run("show", str(bundle)) == 0
    shown = capsys.readouterr().out
    for part in ("tiny-bert", "not stated", "mean", "64 tokens", "penchant-sample-1"):
        assert part in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "."), "not an encoder bundle"),
        (("build", "nothing", "--out", "out"), "neither a folder"),
        (("build", "{checkpoint}", "--out", "."), "in use"),
        (("build", "{checkpoint}", "--out", "out", "--max-length", "0"), "from 3 to 64"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    """Each mistake is told in one line, and makes nothing."""
    (tmp_path / "mine").touch()
    monkeypatch.chdir(tmp_path)
    assert _run(*(part.format(checkpoint=checkpoint) for part in arguments)) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("penchant: ")
    assert said in line
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_the_commands_load_no_runtime() -> None:
    """``penchant --help`` stays quick: what runs models is loaded when it is needed."""
    script = (
        "import sys, penchant.shared.encoding.commands, penchant.shared.assets.commands;"
        "print(*{'torch', 'transformers', 'onnx', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
