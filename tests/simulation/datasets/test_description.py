"""Tests of describing a data set, and of ``penchant data`` as a person uses it."""

import json
from pathlib import Path

import pytest

from penchant.shared.command_line import main
from penchant.simulation.datasets.description import Description, describe
from penchant.simulation.datasets.registry import read
from penchant.simulation.datasets.scripts import encoder_warnings, script_of
from penchant.simulation.datasets.sources import Source

EVENTS = "user,item,time\n" + "".join(
    f"{user},{item},{time}\n"
    for user, item, time in (
        ("ann", "m1", "2024-01-01"),
        ("ann", "m1", "2024-01-01"),
        ("ann", "m2", "2024-01-02"),
        ("ann", "m3", "2024-01-02"),
        ("bob", "m1", "2024-03-01T12:00:00Z"),
        ("bob", "m2", "never"),
    )
)
ITEMS = "id,title\nm1,Heat\nm2,耳机\nm3,\nm4,Heat\n" + "".join(
    f"m{n},Film {n}\n" for n in range(5, 15)
)


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A small data set with one of every fault."""
    (tmp_path / "e.csv").write_text(EVENTS)
    (tmp_path / "i.csv").write_text(ITEMS)
    return f"table:{tmp_path}/e.csv,items={tmp_path}/i.csv"


def described(name: str) -> Description:
    """Return the description of a data set."""
    source = Source.parse(name)
    return describe(read(source), tolerance=source.tolerance)


def run(*arguments: str) -> int:
    """Run ``penchant data`` and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main(["data", *arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_figures_are_those_of_the_rows(name: str) -> None:
    """Counted by hand: five usable events, one of them a twin."""
    found = described(name)
    assert (found.people, found.items, found.events) == (2, 14, 5)
    assert found.density == 4 / 28
    assert found.events_a_person == {
        "0%": 1.0, "25%": 1.75, "50%": 2.5, "75%": 3.25, "90%": 3.7, "100%": 4.0,
    }  # fmt: skip
    assert (found.first, found.last) == ("2024-01-01T00:00:00+00:00", "2024-03-01T12:00:00+00:00")
    assert found.same_time == 2 / 3
    assert (found.duplicates, found.repeats, found.too_short) == (1, 1, 1)
    assert (found.items_without_text, found.repeated_texts, found.unmet_items) == (1, 1, 11)
    assert found.scripts == {"Latin": 12, "Han": 1}
    assert found.top_tenth == 3 / 5
    (events, items) = found.files
    assert (events.rows, events.malformed, items.malformed) == (6, 1, 0)
    assert [(row.line, row.reason) for row in events.examples] == [(7, "not a time: 'never'")]


def test_faults_are_warnings_and_too_many_malformed_rows_a_problem(name: str) -> None:
    """What a simulation can live with is told apart from what it cannot."""
    strict, lax = described(name), described(f"{name},tolerate=0.5")
    assert not strict.valid
    assert "1 of 6 rows" in strict.problems[0]
    assert lax.valid
    for words in ("no text", "text of another", "twins", "fewer than 3", "malformed"):
        assert any(words in warning for warning in lax.warnings), words


def test_describe_shows_figures_rows_and_reasons(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has the figures, the malformed row its line; JSON has the same."""
    monkeypatch.setenv("COLUMNS", "200")
    assert run("describe", name) == 0
    shown = capsys.readouterr().out
    assert "14 (11 that nobody met)" in shown
    assert "not a time: 'never'" in shown
    assert run("describe", name, "--json") == 0
    assert Description.model_validate_json(capsys.readouterr().out) == described(name)


def test_validate_exits_with_2_when_invalid(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The problem and the verdict are printed, as text and as JSON."""
    assert run("validate", name) == 2
    assert "problem: 1 of 6 rows" in capsys.readouterr().out
    assert run("validate", f"{name},tolerate=0.5", "--json") == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    assert run("validate", "table:/nowhere.csv") == 2
    assert "no file /nowhere.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a,x,X\na,y,Y\nb,x,X\n", "nobody has 3 different items"),
        ("a,x,X\na,y,Y\na,z,Z\n", "everybody has met all 3 items"),
        ("".join(f"a,i{n},same\n" for n in range(20)), "all items have one text"),
    ],
)
def test_data_that_cannot_be_ranked_is_a_problem(rows: str, told: str, tmp_path: Path) -> None:
    """The words say which."""
    (tmp_path / "e.csv").write_text("user,item,title\n" + rows)
    assert any(told in problem for problem in described(f"table:{tmp_path}/e.csv").problems)


@pytest.mark.parametrize(
    ("text", "script"),
    [("Привет, мир", "Cyrillic"), ("ひらがな漢字", "Kana"), ("서울", "Hangul"), ("三体", "Han")],
)
def test_script_is_that_of_most_letters(text: str, script: str) -> None:
    """Letters alone tell it."""
    assert script_of(text) == script


def test_encoder_for_another_language_is_warned_of(people_file: Path) -> None:
    """An English model and Chinese texts; a model that states no language, or the right one."""
    dataset = read(Source.parse(f"wide:{people_file}")).dataset
    (warning,) = encoder_warnings(dataset, ("en",))
    assert "100% of the item texts are in Han script" in warning
    assert "--encoder" in warning
    assert encoder_warnings(dataset, ()) == encoder_warnings(dataset, ("zh", "en")) == []


def test_kinds_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many events there are of each kind, where the source tells kinds."""
    (tmp_path / "e.csv").write_text(
        "user,item,event\na,x,view\na,y,view\na,x,transaction\na,z,addtocart\n"
    )
    name = f"table:{tmp_path}/e.csv"
    assert described(name).kinds == {"view": 2, "purchase": 1, "custom": 1}
    assert described(f"{name},kind=none").kinds is None
    with pytest.raises(SystemExit):
        main(["data", "describe", name])
    assert "view 2, purchase 1, custom 1" in capsys.readouterr().out
