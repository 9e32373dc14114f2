"""Runs side by side: what differs is found, what is not comparable is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.conftest import PRIVACY, scores

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.sidebyside.table import side_by_side

MakeRun = Callable[..., Path]


def test_settings_that_differ_and_no_others(make_run: MakeRun) -> None:
    """Each setting that differs has every run's value; what is alike is left out."""
    one = make_run("one")
    two = make_run("two", preset="full", seed=78, privacy=PRIVACY["none"])
    found = side_by_side([one, two])
    assert found.different["preset"] == ["compact", "full"]
    assert found.different["seed"] == [77, 78]
    assert found.different["privacy unit"] == ["user", "none"]
    assert found.different["privacy adversary"] == ["whoever gets a released ranker", None]
    assert not {"rounds", "fidelity", "encoder model"} & set(found.different)


def test_each_run_has_its_test_controls_and_epsilon(make_run: MakeRun) -> None:
    """Runs keep their order; two private units are two epsilons."""
    runs = [
        make_run("user"),
        make_run("both", privacy=PRIVACY["both"], test=scores(0.21)),
        make_run("none", privacy=PRIVACY["none"]),
    ]
    found = side_by_side(runs)
    assert [run.name for run in found.runs] == ["user", "both", "none"]
    assert [run.epsilon for run in found.runs] == [
        {"user": 7.9},
        {"user": 7.9, "event": 3.1},
        {},
    ]
    assert found.runs[1].test.full.hr == 0.21
    assert set(found.runs[0].controls) == {"popularity", "no federation"}


def test_runs_of_one_name_are_told_apart(make_run: MakeRun) -> None:
    """Folders that end alike are named with their parents."""
    found = side_by_side([make_run("a/run"), make_run("b/run")])
    assert [run.name for run in found.runs] == ["a/run", "b/run"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"dataset": {"name": "theatre", "people": 943, "items": 1682, "events": 100_000}},
            "dataset is 'cinema' .* and 'theatre'",
        ),
        (
            {"dataset": {"name": "cinema", "people": 943, "items": 1682, "events": 99_999}},
            "100,000 events.*99,999 events",
        ),
        ({"protocol": "time"}, "protocol is leave-one-out in the first and time"),
        ({"devices": 500}, "devices is 940 in the first and 500"),
        ({"negatives": 50}, "negatives is 99"),
        ({"evaluated_people": 200}, "evaluated people is all in the first and 200"),
        ({"controls": {"popularity": scores(0.085)}}, "other events are held out"),
    ],
)
def test_runs_over_other_data_are_refused(
    make_run: MakeRun, changes: dict[str, Any], told: str
) -> None:
    """The error names both runs and what differs; equal counts of other events do not pass."""
    with pytest.raises(ConfigurationError, match=told) as refused:
        side_by_side([make_run("one"), make_run("two", **changes)])
    assert "one and " in str(refused.value)
    assert "two cannot be compared" in str(refused.value)


def test_one_run_twice_is_refused(make_run: MakeRun) -> None:
    """A run beside itself says nothing; nor does one alone."""
    one = make_run("one")
    with pytest.raises(ConfigurationError, match="given twice"):
        side_by_side([one, one.parent / "." / "one"])
    with pytest.raises(ConfigurationError, match="two or more"):
        side_by_side([one])


def test_folder_without_a_finished_run_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    """The folder is named."""
    with pytest.raises(DataError, match="nowhere"):
        side_by_side([make_run("one"), tmp_path / "nowhere"])
