"""The page of a run with all that its folder holds: drift, a portrait, the sweep it belongs to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from tests.conftest import DESKTOP, PHONE

from penchant.shared.command_line import main
from penchant.shared.errors import DataError
from penchant.simulation.drift.table import Drift, Followed, Mean, write_json
from penchant.simulation.portrait.record import Portrait, write_portrait
from penchant.simulation.report import (
    RoundRecord,
    Summary,
    append_round,
    read_summary,
    write_summary,
)
from penchant.simulation.sweep.records import METRICS, Estimate, Point, Run, Sweep
from penchant.simulation.sweep.table import write_tables
from penchant.simulation.wholereport import write_whole_report

WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
HEADINGS = {
    "privacy-utility": "What privacy costs",
    "drift": "How soon recommendations follow a switch of interest",
    "portrait": "One person's interests over time",
}


def drift() -> Drift:
    """Six profiles with long names; one does not recover."""

    def mean(value: float) -> Mean:
        return Mean(mean=value, low=value * 0.9, high=value * 1.1)

    return Drift(
        dataset="a-data-set-with-a-very-long-name-that-has-no-space-in-it-anywhere",
        subject="trained ranker",
        trained_on=True,
        people=37,
        switches="joined",
        before=10,
        after=10,
        steps=[-10, -5, 0, 5],
        profiles=[
            Followed(
                name=f"profile number {number}",
                meaning=f"what number {number} does",
                hr=[mean(0.2)] * 4,
                ndcg=[mean(0.1 + number / 100)] * 4,
                level=mean(0.1),
                fallen=mean(0.05),
                recovery=None if number == 5 else number,
                recovery_range=(None, None) if number == 5 else (number, None),
                caught_up=number,
                caught_up_range=(0, None),
            )
            for number in range(6)
        ],
        command="penchant evaluate drift --run 'runs/<a & b>'",
    )


def portrait() -> Portrait:
    """Five tags over three points."""
    return Portrait(
        dataset="cinema",
        person="<b>17</b>",
        count=30,
        looked_at=9,
        change=0.5,
        source="those that the items' texts end with",
        window=10,
        tags=["Drama", "Film-Noir & Mystery, of the old kind", "War", "Comedy", "Children's"],
        events=[10, 20, 30],
        shares=[[0.5, 0.25, 0.0]] * 5,
    )


def sweep(names: list[str]) -> Sweep:
    """A run with a budget and one without, and what they come to."""
    test = {metric: Estimate(mean=0.1, low=0.08, high=0.12, over="people") for metric in METRICS}
    common: dict[str, Any] = {"preset": "compact", "cohort": None, "clip": None, "devices": 940}
    budgets: list[dict[str, Any]] = [
        {"privacy": "user", "epsilon": 8.0},
        {"privacy": "none", "epsilon": None},
    ]
    values = dict.fromkeys(METRICS, 0.1)
    return Sweep(
        dataset="cinema",
        devices=940,
        command="penchant sweep --out <here>",
        points=[Point(**common, **budget, seeds=[77], test=test) for budget in budgets],
        runs=[
            Run(
                name=name,
                **common,
                **budget,
                spent=budget["epsilon"],
                delta=None,
                noise_multiplier=None,
                clipping_norm=None,
                evaluated=940,
                expected_cohort=377.0,
                seed=77,
                test=values,
                popularity=values,
            )
            for name, budget in zip(names, budgets, strict=True)
        ],
        popularity=values,
        failures={},
    )


@pytest.fixture
def run(tmp_path: Path, summary_fields: dict[str, Any], round_records: list[RoundRecord]) -> Path:
    """The folder of a run of a sweep of two, with nothing measured beside it yet."""
    folder = tmp_path / "runs" / "compact-user-eps8-seed77"
    folder.mkdir(parents=True)
    write_summary(folder, Summary.model_validate(summary_fields))
    for record in round_records:
        append_round(folder, record)
    write_tables(sweep([folder.name, "compact-no-privacy-seed77"]), tmp_path)
    return folder


def test_page_has_all_that_the_folder_holds(
    run: Path, open_browser: Callable[[tuple[int, int]], Chrome]
) -> None:
    """Every part has its heading, figures with names and tables, and fits phone and desktop."""
    write_json(drift(), run)
    write_portrait(portrait(), run)
    page = write_whole_report(run)
    for size in (PHONE, DESKTOP):
        window = open_browser(size)
        window.get(page.as_uri())
        assert window.execute_script(f"return {WIDE}") <= 0
        for name, heading in HEADINGS.items():
            assert window.find_element("id", name).text == heading
        figures = window.find_elements("css selector", "section figure svg[role=img]")
        assert len(figures) == 2 + 2 + 1
        assert all(figure.accessible_name and figure.is_displayed() for figure in figures)
        folded = window.find_elements("css selector", "section .plot > details")
        assert len(folded) == len(figures)
        for details in folded:
            details.find_element("tag name", "summary").click()
            assert details.find_element("tag name", "table").is_displayed()
        assert window.execute_script(f"return {WIDE}") <= 0
        text = window.find_element("tag name", "body").text
        assert "Person <b>17</b>" in text
        assert "10+ is not within" in text
        assert "This run is the one with compact, ε = 8 and seed 77" in text
        assert "penchant evaluate drift --run 'runs/<a & b>'" in text
    identifiers = window.execute_script(
        "return [...document.querySelectorAll('[id]')].map(e=>e.id)"
    )
    assert len(identifiers) == len(set(identifiers))


def test_a_run_alone_has_a_page_without_them(run: Path) -> None:
    """A folder elsewhere, with nothing measured, is the run and no more."""
    alone = run.rename(run.parents[2] / f"{run.parents[1].name}-alone")
    page = write_whole_report(alone).read_text("utf-8")
    assert not any(f'id="{name}"' in page for name in HEADINGS)
    assert read_summary(alone).seed == 77


def test_report_command_adds_a_sweep(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep that a run is no part of can be given; a folder that is none is one line."""
    alone = run.rename(run.parents[2] / f"{run.parents[1].name}-alone")
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(alone), "--sweep", str(run.parents[1])])
    assert stopped.value.code == 0
    page = (alone / "report.html").read_text("utf-8")
    assert 'id="privacy-utility"' in page
    assert "This run is the one" not in page
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(alone), "--sweep", str(alone)])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give the --out of penchant sweep" in line


def test_a_broken_part_leaves_the_old_page(run: Path) -> None:
    """What cannot be read is named, and the page stays as it was."""
    old = write_whole_report(run).read_text("utf-8")
    (run / "drift.json").write_text("{}")
    with pytest.raises(DataError, match=r"drift.json is not a valid Drift"):
        write_whole_report(run)
    assert (run / "report.html").read_text("utf-8") == old
