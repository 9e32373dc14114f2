"""Tests of ``penchant import`` as a person uses it, on a device without a language model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from penchant.client.home import Home, KeyChoice
from penchant.shared.catalogue import Catalogue
from penchant.shared.command_line import main

ITEMS = 40
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """The folder of a device with 40 items and no encoder."""
    embeddings = np.random.default_rng(0).standard_normal((ITEMS, 16))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    names = [f"m{number}" for number in range(ITEMS)]
    texts = [f"Film {number}" for number in range(ITEMS)]
    Catalogue.write(
        tmp_path / "items", names, texts=texts, embeddings=embeddings.astype(np.float32)
    )
    folder = tmp_path / "device"
    home = Home(
        catalogue=tmp_path / "items", keys=KeyChoice.FILE, key_file=tmp_path / "key", encoder=None
    )
    home.write(folder)
    return folder


@pytest.fixture
def run(device: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the device: exit code, output, errors."""
    monkeypatch.setenv("PENCHANT_DEVICE", str(device))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert isinstance(stopped.value.code, int)
        return (stopped.value.code, *capsys.readouterr())

    return command


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A log of two people with one row that is malformed."""
    path = tmp_path / "log.csv"
    rows = [f"ann,m{number % 30},2024-01-{1 + number % 28:02},buy" for number in range(56)]
    path.write_text(
        "\n".join(["who,film,when,what", *rows, "ann,m1,soon,view", "bob,m2,2024-01-01,"])
    )
    return path


MAPPED = ("--map", "user=who", "--map", "item=film", "--map", "time=when", "--map", "kind=what")


def test_import_says_what_became_of_the_rows(run: Run, log_file: Path) -> None:
    """Counts, the malformed row with its line, and what is kept; the device has the events."""
    arguments = ("import", str(log_file), "--user", "ann", *MAPPED, "--tolerate", "0.05")
    code, output, errors = run(*arguments)
    assert (code, errors) == (0, "")
    assert "58, of which 1 malformed" in output
    assert "line 58: not a time: 'soon'" in output
    assert "56: 56 purchase" in output
    assert json.loads(run("device", "health", "--json")[1])["events"] == 56


def test_importing_again_changes_nothing(run: Run, log_file: Path) -> None:
    """The same thing at the same time counts once."""
    arguments = ("import", str(log_file), "--user", "ann", *MAPPED, "--tolerate", "0.05", "--json")
    first, second = (json.loads(run(*arguments)[1]) for _ in range(2))
    assert (first["kept"], first["refused"]) == (56, 0)
    assert (second["kept"], second["refused"]) == (0, 56)
    assert first["malformed_rows"] == [{"line": 58, "reason": "not a time: 'soon'"}]


def test_dry_run_counts_and_writes_nothing(run: Run, log_file: Path, device: Path) -> None:
    """Not even a store."""
    before = sorted(device.iterdir())
    code, output, _ = run(
        "import", str(log_file), "--user", "ann", *MAPPED, "--tolerate", "0.05", "--dry-run"
    )
    assert code == 0
    assert "nothing: this was a dry run" in output
    assert sorted(device.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (MAPPED, "several people, such as 'ann' and 'bob'"),
        ((*MAPPED, "--user", "ann"), "1 of 58 rows"),
        (("--user", "ann"), "columns who, film, when, what"),
        ((*MAPPED, "--kind", "swim"), "kind is 'swim'; give one of view, search"),
        (("--map", "film"), "ROLE=COLUMN"),
        ((*MAPPED, "--encoding", "klingon"), "no encoding 'klingon'"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], told: str, run: Run, log_file: Path, device: Path
) -> None:
    """Exit code 2, and no store."""
    before = sorted(device.iterdir())
    code, output, errors = run("import", str(log_file), *arguments)
    assert (code, output) == (2, "")
    (line,) = errors.splitlines()
    assert told in line
    assert sorted(device.iterdir()) == before


def test_row_of_the_wide_form_is_imported_by_texts(run: Run, tmp_path: Path) -> None:
    """A Chinese table in GB18030; entries are items by their texts; a search needs an encoder."""
    path = tmp_path / "people.csv"
    text = "用户ID,浏览历史,点击行为\n甲,Film 3；Film 5,m7\n乙,Film 9,\n"  # noqa: RUF001
    path.write_bytes(text.encode("gb18030"))
    code, output, _ = run("import", str(path), "--user", "甲", "--json")
    assert code == 0
    found = json.loads(output)
    assert (found["kept"], found["texts"], found["times"]) == (3, 0, False)
    path.write_text("user,history,searches\na,Film 3,space films\n")
    code, _, errors = run("import", str(path))
    assert code == 2
    assert "needs an encoder" in errors
