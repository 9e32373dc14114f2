"""Tests of ``penchant assets`` as a person uses it."""

from pathlib import Path

import pytest

from penchant.shared.assets import AssetStore, fetch, find, names
from penchant.shared.command_line import main


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The real data set, fetched into the user's own cache."""
    return fetch("movielens-100k")


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["assets", *arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def _put(cache: Path, source: Path) -> Path:
    """Copy the fetched data set into ``cache``."""
    folder = AssetStore(cache / "assets").path(find("movielens-100k"))
    folder.mkdir(parents=True)
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_list_shows_every_asset(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each known asset is listed, with whether it is here."""
    assert not list(cache.iterdir())
    assert _run("list") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in names())
    assert "yes" not in shown


def test_fetch_prints_the_folder(
    cache: Path, movielens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last word on standard output is where the asset is."""
    folder = _put(cache, movielens)
    assert _run("fetch", "movielens-100k") == 0
    assert capsys.readouterr().out.replace("\n", "").endswith(str(folder))


def test_verify_passes_what_is_right(
    cache: Path, movielens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole asset is reported as such."""
    _put(cache, movielens)
    assert _run("verify") == 0
    assert "movielens-100k: 3 files" in capsys.readouterr().out


def test_verify_of_a_corrupt_asset_is_one_line_and_exit_code_2(
    cache: Path, movielens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed file is named, with both hashes."""
    damaged = _put(cache, movielens) / "MovieLens100k_users.parquet.brotli"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert _run("verify") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert damaged.name in line
    assert next(f.sha256 for f in find("movielens-100k").files if f.path == damaged.name) in line


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_an_unknown_asset_is_one_line_and_exit_code_2(
    cache: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong name fetches nothing, not even the names before it, and lists the right ones."""
    assert _run(command, "movielens") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "minilm, movielens-100k" in line
    assert not (cache / "assets").exists()
