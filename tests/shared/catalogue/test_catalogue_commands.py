"""Tests of ``penchant catalogue`` as a person uses it."""

from pathlib import Path

import pytest

from penchant.shared.catalogue import Catalogue
from penchant.shared.command_line import main
from penchant.shared.encoding.cached import find_bundle

ITEMS = "id,title,genres\nalien,Alien (1979),Horror|Sci-Fi\namelie,Amelie (2001),Comedy|Romance\n"


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["catalogue", *arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of two films."""
    path = tmp_path / "films.csv"
    path.write_text(ITEMS)
    return path


def test_build_embeds_a_table_and_shows_the_catalogue(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row becomes an item whose text says its title and its genres."""
    out = tmp_path / "films"
    assert _run("build", str(table), "--out", str(out), "--precision", "float16") == 0
    catalogue = Catalogue.open(out)
    assert list(catalogue.items) == ["alien", "amelie"]
    assert catalogue.text(0) == "Alien (1979). Horror, Sci-Fi"
    shown = capsys.readouterr().out
    assert catalogue.fingerprint in shown
    assert "384 numbers, float16" in shown


def test_show_refuses_a_damaged_catalogue(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped byte is found, not shown as whole."""
    out = tmp_path / "films"
    assert _run("build", str(table), "--out", str(out)) == 0
    embeddings = out / "embeddings"
    content = bytearray(embeddings.read_bytes())
    content[5] ^= 1
    embeddings.write_bytes(content)
    assert _run("show", str(out)) == 2
    assert "embeddings" in capsys.readouterr().err


def test_build_refuses_a_table_without_texts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says which columns there are and how to name the right one; nothing is written."""
    path, out = tmp_path / "numbers.csv", tmp_path / "films"
    path.write_text("id,price\nalien,3\n")
    assert _run("build", str(path), "--out", str(out)) == 2
    assert "text=COLUMN" in capsys.readouterr().err
    assert not out.exists()


def test_a_bundle_is_found_by_its_folder_or_its_name(tmp_path: Path) -> None:
    """Commands take both."""
    assert find_bundle(str(tmp_path)) == tmp_path
    assert find_bundle("minilm").name.startswith("minilm-")
