"""Tests of ``penchant device`` as a person uses it, with the real language model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penchant.shared.command_line import main

FILMS = """id,title,genres
alien,Alien (1979),Horror|Sci-Fi
aliens,Aliens (1986),Action|Sci-Fi
amelie,Amelie (2001),Comedy|Romance
heat,Heat (1995),Crime|Thriller
notting-hill,Notting Hill (1999),Comedy|Romance
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the device in the temporary folder: exit code, output, errors."""
    monkeypatch.setenv("PENCHANT_DEVICE", str(tmp_path / "device"))
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["device", *arguments])
        assert isinstance(stopped.value.code, int)
        return (stopped.value.code, *capsys.readouterr())

    return command


@pytest.fixture
def device(run: Run, tmp_path: Path) -> Run:
    """Run commands on a device that has seen one film and searched once."""
    (tmp_path / "films.csv").write_text(FILMS)
    table, key = str(tmp_path / "films.csv"), str(tmp_path / "key")
    assert run("init", "--items", table, "--keys", "file", "--key-file", key)[0] == 0
    assert run("observe", "view", "--item", "alien", "--time", "1000000")[0] == 0
    assert run("observe", "search", "--text", "war in space", "--time", "1000100")[0] == 0
    return run


def test_an_init_that_fails_leaves_nothing_and_can_be_done_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person whose passphrase is too short is told so, and the next try is the first again."""
    (tmp_path / "films.csv").write_text(FILMS)
    arguments = ("init", "--items", str(tmp_path / "films.csv"), "--keys", "passphrase")
    for folder_made in (False, True):
        monkeypatch.setenv("PENCHANT_PASSPHRASE", "short")
        assert run(*arguments)[0] == 2
        assert not (tmp_path / "device" / "catalogue").exists()
        assert (tmp_path / "device").exists() is folder_made
        (tmp_path / "device").mkdir(exist_ok=True)
    monkeypatch.setenv("PENCHANT_PASSPHRASE", "long enough words")
    assert run(*arguments)[0] == 0
    assert run("health")[0] == 0


def test_where_there_is_no_device_the_way_to_make_one_is_told(run: Run) -> None:
    """The command that is named takes the folder as it is named."""
    code, _, error = run("health")
    assert code == 2
    assert "penchant device init --device" in " ".join(error.split())


def test_forgetting_wrongly_changes_nothing(device: Run) -> None:
    """Two conditions, or a number that no event can have: exit code 2, consent and events stay."""
    assert device("consent", "train-ranker", "--yes")[0] == 0
    for wrong in (("--everything", "--item", "alien", "--yes"), ("--event", str(10**20))):
        code, _, error = device("forget", *wrong)
        assert code == 2
        assert error.startswith("penchant:")
    assert [receipt["revoked"] for receipt in parsed(device, "consent")] == [None]
    assert parsed(device, "health")["events"] == 2


def parsed(run: Run, *arguments: str) -> Any:
    """Return what a command prints as JSON."""
    code, output, _ = run(*arguments, "--json")
    assert code == 0
    return json.loads(output)


def test_recommend_ranks_and_says_why(device: Run) -> None:
    """What is told in words and in JSON is the same list, and its parts sum to the score."""
    best = parsed(device, "recommend", "-k", "4")
    assert best[0]["item"] == "aliens"
    assert sum(reason["amount"] for reason in best[0]["why"]) == pytest.approx(best[0]["score"])
    code, output, _ = device("recommend", "-k", "4")
    assert code == 0
    assert output.index("Aliens") < output.index("Amelie")
    assert "war in space" in output


def test_a_muted_interest_is_neither_shown_nor_recommended(device: Run) -> None:
    """The person's word counts at once, and across commands."""
    tags = [found["tag"] for found in parsed(device, "interests")["interests"]]
    assert device("edit", tags[0], "--mute")[0] == 0
    after = parsed(device, "interests")
    assert tags[0] not in [found["tag"] for found in after["interests"]]
    assert after["edits"] == [{"tag": tags[0], "weight": 0.0, "mute": True}]


def test_an_unknown_tag_or_kind_is_one_line(device: Run) -> None:
    """A slip of the hand says what there is instead, and changes nothing."""
    code, _, errors = device("edit", "romanse", "--weight", "2")
    assert code == 2
    assert "did you mean 'romance'" in errors
    code, _, errors = device("observe", "looked", "--item", "alien")
    assert code == 2
    assert errors.count("\n") == 1
    assert parsed(device, "health")["events"] == 2


def test_a_refused_event_is_told(device: Run) -> None:
    """Saying the same thing twice is not two things done."""
    code, _, errors = device("observe", "view", "--item", "alien", "--time", "1000000")
    assert code == 2
    assert "not kept" in errors


def test_predict_scores_any_text(device: Run) -> None:
    """Of two texts the one nearer to what was done scores higher."""
    near = parsed(device, "predict", "a space war with monsters")["score"]
    assert near > parsed(device, "predict", "knitting patterns for babies")["score"]


def test_a_device_has_to_be_made_first(run: Run) -> None:
    """The error tells the command."""
    code, _, errors = run("recommend")
    assert code == 2
    assert "penchant device init" in errors


def test_init_that_fails_leaves_no_device(run: Run, tmp_path: Path) -> None:
    """A folder that is half a device would be in the way of the next try."""
    (tmp_path / "films.csv").write_text("id,price\nalien,3\n")
    key = str(tmp_path / "key")
    items = str(tmp_path / "films.csv")
    assert run("init", "--items", items, "--keys", "file", "--key-file", key)[0] == 2
    (tmp_path / "films.csv").write_text(FILMS)
    assert run("init", "--items", items, "--keys", "file", "--key-file", key)[0] == 0


def test_consent_is_asked_for_in_words_and_taken_back(device: Run) -> None:
    """The words are shown before anything is agreed to; what was taken back says so."""
    assert parsed(device, "privacy")["report"]["agreed"] is False
    code, _, shown = device("consent", "train-ranker", "--yes")
    assert code == 0
    assert "what was sent cannot be called back" in shown
    assert parsed(device, "privacy")["report"]["agreed"] is True
    (receipt,) = parsed(device, "consent", "train-ranker", "--revoke")
    assert receipt["revoked"] >= receipt["given"]
    assert parsed(device, "privacy")["report"]["agreed"] is False


def test_privacy_says_what_was_spent_against_whom(device: Run) -> None:
    """In words: who receives rankers, and the server."""
    code, output, _ = device("privacy")
    assert code == 0
    words = " ".join(output.split())
    assert "sent 0 updates" in words
    assert "Whoever receives the shared models" in words
    assert "The server itself" in words


def test_forgetting_takes_a_word_for_all_and_none_for_one(device: Run) -> None:
    """One event goes at once; everything only once it is confirmed."""
    assert parsed(device, "forget", "--item", "alien")["events"] == 1
    assert parsed(device, "health")["events"] == 1
    assert device("forget", "--everything")[0] != 0  # nobody there to say yes
    assert parsed(device, "health")["events"] == 1
    assert parsed(device, "forget", "--everything", "--yes")["events"] == 1
    assert parsed(device, "health")["events"] == 0


def test_what_is_exported_is_all_and_for_the_person_alone(device: Run, tmp_path: Path) -> None:
    """Every event is in the file, which nobody else may read and which replaces no other."""
    out = tmp_path / "mine.json"
    assert device("export", "--out", str(out))[0] == 0
    assert [event["item"] for event in json.loads(out.read_text())["events"]] == ["alien", None]
    assert out.stat().st_mode & 0o777 == 0o600
    assert device("export", "--out", str(out))[0] == 2


def test_the_keys_can_be_changed(
    device: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a key file to a passphrase to another one; what was kept is there with the last."""
    monkeypatch.setenv("PENCHANT_NEW_PASSPHRASE", "long enough words")
    assert device("keys", "--keys", "passphrase")[0] == 0
    (tmp_path / "key").unlink()
    monkeypatch.setenv("PENCHANT_PASSPHRASE", "not these words")
    assert device("keys", "--keys", "passphrase")[0] == 0  # those in force are the new ones already
    monkeypatch.setenv("PENCHANT_NEW_PASSPHRASE", "other words again")
    code, _, errors = device("keys", "--keys", "passphrase")
    assert code == 2
    assert "locked with another key" in errors
    monkeypatch.setenv("PENCHANT_PASSPHRASE", "long enough words")
    assert device("keys", "--keys", "passphrase")[0] == 0
    monkeypatch.setenv("PENCHANT_PASSPHRASE", "other words again")
    assert parsed(device, "health")["events"] == 2
