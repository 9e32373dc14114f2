"""``penchant simulate`` on bad input: one clear line, exit code 2, nothing written."""

from hashlib import sha256
from pathlib import Path

import pytest

from penchant.shared.assets import find, path
from penchant.shared.command_line import main


def failed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run ``penchant simulate`` and return its one line of error."""
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", *arguments])
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--dataset", "nope"], "'nope'; choose one of: movielens-100k"),
        (["--privacy", "user", "--epsilon", "0"], "epsilon is 0.0"),
        (["--privacy", "event", "--epsilon", "-1"], "epsilon is -1.0"),
        (["--privacy", "user", "--epsilon", "nan"], "epsilon"),
        (["--privacy", "user", "--epsilon", "inf"], "epsilon"),
        (["--privacy", "user"], "needs --epsilon"),
        (["--epsilon", "8"], "--privacy"),
        (["--privacy", "user", "--epsilon", "8", "--delta", "1"], "delta is 1.0"),
        (["--devices", "0"], "devices is 0"),
        (["--devices", "-5"], "devices is -5"),
        (["--rounds", "0"], "rounds is 0"),
        (["--rounds", "many"], "'many' is not a valid integer"),
        (["--preset", "huge"], "'full', 'text' or 'compact'"),
        (["--fidelity", "exact"], "fidelity is 'exact'"),
        (["--seed", "-1"], "seed is -1"),
        (["--workers", "0"], "0 is not in the range"),
        (["--fidelity", "device", "--workers", "2"], "for --fidelity cohort"),
        (["--fidelity", "device", "--ray", "auto"], "for --fidelity cohort"),
        (["--no-such-flag"], "--no-such-flag"),
    ],
)
def test_bad_flag_is_one_clear_line(
    flags: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says what was given and what is expected."""
    folder = tmp_path / "out"
    assert told in failed([*flags, "--out", str(folder)], capsys)
    assert not folder.exists()


def test_folder_of_another_run_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An output folder that holds another run is left as it is."""
    (tmp_path / "settings.json").write_text("{}")
    assert "holds another run" in failed(["--out", str(tmp_path)], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_resume_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --out there is nothing to continue."""
    assert "--resume needs --out" in failed(["--resume"], capsys)


def test_corrupt_asset_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cached file that is not the pinned one is named, with both hashes."""
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path / "cache"))
    asset, folder = find("movielens-100k"), path("movielens-100k")
    folder.mkdir(parents=True)
    for file in asset.files:
        (folder / file.path).write_bytes(b"not what was pinned")
    line = failed(["--out", str(tmp_path / "out")], capsys)
    assert asset.files[0].sha256 in line
    assert sha256(b"not what was pinned").hexdigest() in line
    assert not (tmp_path / "out").exists()
