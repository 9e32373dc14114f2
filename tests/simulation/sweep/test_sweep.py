"""Sweeps: the grid, its runs (skipped, continued, side by side), and what they are summed up to."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from selenium.webdriver import Chrome
from tests.conftest import DESKTOP, PHONE
from tests.simulation.sweep.light import met
from tests.simulation.sweep.work import planted, planted_stopped

from penchant.shared.errors import ConfigurationError
from penchant.simulation.report import read_rounds, read_summary
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.grid import Grid, cheapest_first, command_of, parsed, whole
from penchant.simulation.sweep.page import retrained, write_page
from penchant.simulation.sweep.populations import percent
from penchant.simulation.sweep.records import METRICS
from penchant.simulation.sweep.runs import run_grid
from penchant.simulation.sweep.table import gathered, write_tables

WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
Runs = dict[str, SimulationSettings]


def grid(**changes: object) -> Grid:
    """A small grid over the planted world."""
    fields: dict[str, object] = {
        "presets": ["compact"],
        "populations": [None],
        "epsilons": [8.0, float("inf")],
        "cohorts": [40],  # everybody, whose noise is reckoned fastest
        "clips": [None],
        "seeds": [0, 1],
        "privacy": "user",
        "fixed": {"dataset": "planted", "rounds": 2, "controls": "none", "delta": 1e-4},
    }
    return Grid(**(fields | changes))  # type: ignore[arg-type]


def silence(what: str) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Runs, Path]:
    """A sweep that has ended, one run of it in another process, and the folder."""
    folder, runs = tmp_path_factory.mktemp("sweep"), grid().runs()
    # Such a process takes long to start.
    name = "compact-no-privacy-cohort40-seed0"
    away = {name: runs[name]}
    assert not run_grid(away, folder, jobs=2, simulate=planted, tell=silence).failures
    assert not run_grid(runs, folder, jobs=1, simulate=planted, tell=silence).failures
    return runs, folder


def test_grid_is_every_combination() -> None:
    """Each value with each other; infinity is no privacy, and needs no delta; names are unlike."""
    runs = grid(presets=["compact", "full"], clips=[0.5, 1.0], cohorts=[10, 40]).runs()
    assert len(runs) == 2 * 2 * 2 * 2 * 2
    free = runs["full-no-privacy-cohort10-clip0.5-seed1"]
    assert (free.epsilon, free.delta, free.clip) == (None, None, 0.5)
    private = runs["compact-user-eps8-cohort40-clip1-seed0"]
    assert (private.epsilon, private.delta, private.cohort) == (8.0, 1e-4, 40)
    assert "--privacy user" in command_of(private)
    assert "--clip 1.0" in command_of(private)


@pytest.mark.parametrize(
    ("text", "told"), [("1,x", "'x' in it"), ("1,,2", "'' in it"), ("1,2,1", "given twice")]
)
def test_bad_lists_are_refused(text: str, told: str) -> None:
    """The flag and the value are named."""
    with pytest.raises(ConfigurationError, match=f"--epsilon is .*{told}"):
        parsed("--epsilon", text, float)


def test_populations_are_generated_or_the_first_people() -> None:
    """Generated people are so many; of other data the first are taken; names tell them apart."""
    fixed = {"dataset": "synthetic:items=300", "controls": "none"}
    runs = grid(populations=[1000, 10_000], fixed=fixed, epsilons=[8.0], seeds=[0]).runs()
    assert [(name, run.dataset, run.devices) for name, run in runs.items()] == [
        ("compact-user-eps8-people1000-cohort40-seed0", "synthetic:devices=1000,items=300", None),
        ("compact-user-eps8-people10000-cohort40-seed0", "synthetic:items=300", None),
    ]
    (run,) = grid(populations=[500], epsilons=[8.0], seeds=[0]).runs().values()
    assert (run.dataset, run.devices) == ("planted", 500)


@pytest.mark.parametrize(
    ("fixed", "populations", "told"),
    [
        ({"dataset": "synthetic:devices=5000,items=300"}, [1000], "leave devices= out"),
        ({"dataset": "synthetic:items=300", "devices": 50}, [1000], "give one of them"),
        ({"dataset": "synthetic:items=300"}, [0], "0 devices cannot be generated"),
    ],
)
def test_contradictory_populations_are_refused(
    fixed: dict[str, object], populations: list[int], told: str
) -> None:
    """Before anything is run."""
    with pytest.raises(ConfigurationError, match=told):
        grid(populations=populations, fixed=fixed).runs()


def test_sizes_may_be_written_short() -> None:
    """As in the name of a population; halves of devices are refused."""
    assert parsed("--population", "1000,1e6", whole) == (1000, 1_000_000)
    with pytest.raises(ConfigurationError, match=r"--population is .*'1\.5' in it"):
        parsed("--population", "1.5", whole)


def test_cheapest_runs_come_first(tmp_path: Path) -> None:
    """Small populations before large ones, and what losses are measured from before the rest."""
    changes: dict[str, object] = {
        "cohorts": [None],
        "populations": [100_000, 1000, 10_000],
        "epsilons": [1.0, float("inf")],
        "seeds": [0],
    }
    runs = grid(**changes, fixed={"dataset": "synthetic:items=300"}).runs()
    order = ["1000", "10000", "100000"]
    budgets = ["no-privacy", "user-eps1"]
    wanted = [f"compact-{b}-people{n}-seed0" for n in order for b in budgets]
    assert list(cheapest_first(runs)) == wanted
    done: list[str] = []

    def note(settings: SimulationSettings, folder: Path, resume: bool) -> None:  # noqa: ARG001
        done.append(folder.name)

    run_grid(runs, tmp_path, jobs=1, simulate=note, tell=silence)
    assert done == wanted


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan"), float("-inf")])
def test_impossible_budgets_are_refused(epsilon: float) -> None:
    """Before anything is run."""
    with pytest.raises(ConfigurationError, match="epsilon"):
        grid(epsilons=[epsilon]).runs()


def test_clip_bounds_updates(swept: tuple[Runs, Path], tmp_path: Path) -> None:
    """The clipping norm asked for is the one of the guarantee."""
    runs = grid(clips=[0.25], epsilons=[8.0], seeds=[0]).runs()
    run_grid(runs, tmp_path, jobs=1, simulate=planted, tell=silence)
    (name,) = runs
    assert read_summary(tmp_path / name).privacy.clipping_norm == 0.25  # type: ignore[union-attr]
    other = read_summary(swept[1] / "compact-user-eps8-cohort40-seed0")
    assert other.privacy.clipping_norm == 1.0  # type: ignore[union-attr]


def test_runs_go_side_by_side(tmp_path: Path) -> None:
    """Two processes run at the same time, and what one cannot run is told with its reason."""
    runs = grid(epsilons=[float("inf")], seeds=[0, 1, 2]).runs()
    failures = run_grid(runs, tmp_path, jobs=2, simulate=met, tell=silence).failures
    assert failures == {"compact-no-privacy-cohort40-seed2": "seed 2 cannot be run"}
    processes = {path.read_text() for path in tmp_path.glob("*/process")}
    assert len(processes) == 2
    assert str(os.getpid()) not in processes


def test_ended_runs_are_not_done_again(swept: tuple[Runs, Path]) -> None:
    """The same sweep again runs nothing; a larger one runs what is new alone."""
    runs, folder = swept
    before = {name: (folder / name / "summary.json").stat().st_mtime_ns for name in runs}
    said: list[str] = []
    run_grid(runs, folder, jobs=1, simulate=planted_stopped, tell=said.append)
    assert said == ["4 runs, 4 of them done"]
    assert before == {n: (folder / n / "summary.json").stat().st_mtime_ns for n in runs}


def test_interrupted_runs_go_on(swept: tuple[Runs, Path], tmp_path: Path) -> None:
    """A run stopped after its first round ends as the uninterrupted one did, bit for bit."""
    name = "compact-no-privacy-cohort40-seed0"
    runs = {name: swept[0][name]}
    outcome = run_grid(runs, tmp_path, jobs=1, simulate=planted_stopped, tell=silence)
    assert isinstance(outcome.stopped, KeyboardInterrupt)
    assert [record.round for record in read_rounds(tmp_path / name)] == [1]
    run_grid(runs, tmp_path, jobs=1, simulate=planted, tell=silence)
    resumed, whole = read_summary(tmp_path / name), read_summary(swept[1] / name)
    assert resumed.reproducible() == whole.reproducible()


def test_run_killed_before_it_began_is_done(swept: tuple[Runs, Path], tmp_path: Path) -> None:
    """A folder with an empty state and no settings does not stop the sweep."""
    name = "compact-no-privacy-cohort40-seed0"
    (tmp_path / name / "state" / "devices").mkdir(parents=True)
    runs = {name: swept[0][name]}
    assert not run_grid(runs, tmp_path, jobs=1, simulate=planted, tell=silence).failures
    assert (tmp_path / name / "summary.json").exists()


def test_other_settings_in_the_folder_are_refused(swept: tuple[Runs, Path]) -> None:
    """Runs of another sweep are neither mixed in nor overwritten."""
    fixed = {"dataset": "planted", "rounds": 3, "controls": "none", "delta": 1e-4}
    with pytest.raises(ConfigurationError, match=r"other settings .*--rounds 2"):
        run_grid(grid(fixed=fixed).runs(), swept[1], jobs=1, simulate=planted, tell=silence)


def test_run_that_cannot_be_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    """A cohort above the population is a reason, not the end of the sweep."""
    runs = grid(cohorts=[40, 5000], epsilons=[float("inf")], seeds=[0]).runs()
    failures = run_grid(runs, tmp_path, jobs=1, simulate=planted, tell=silence).failures
    assert list(failures) == ["compact-no-privacy-cohort5000-seed0"]
    sweep = gathered(runs, tmp_path, failures=failures, command="penchant sweep")
    assert [run.name for run in sweep.runs] == ["compact-no-privacy-cohort40-seed0"]
    assert "5000" in write_page(sweep, tmp_path).read_text("utf-8")


def test_partial_sweep_counts_what_is_left(swept: tuple[Runs, Path], tmp_path: Path) -> None:
    """Runs that have not ended are counted, and heading and page say that it is a part."""
    runs, folder = swept
    larger = {**runs, **grid(epsilons=[1.0]).runs()}
    sweep = gathered(larger, folder, failures={"made-up": "no"}, command="penchant sweep")
    assert (len(sweep.runs), sweep.left, sweep.planned) == (4, 1, 6)
    page = write_page(sweep, tmp_path).read_text("utf-8")
    assert "Partial, 4 of 6 runs: of the NDCG@10 without privacy" in page
    assert "4 of 6 runs have ended, 1 could not be run, and 1 are left" in page
    nothing = tmp_path / "nothing"
    with pytest.raises(ConfigurationError, match="none of the sweep's 4 runs has ended"):
        gathered(runs, nothing, failures={}, command="penchant sweep")


def test_means_and_intervals_over_seeds(swept: tuple[Runs, Path]) -> None:
    """A point is the mean of its seeds with Student's 95% interval, kept in [0, 1]."""
    runs, folder = swept
    sweep = gathered(runs, folder, failures={}, command="penchant sweep")
    assert [(p.epsilon, p.seeds) for p in sweep.points] == [(8.0, [0, 1]), (None, [0, 1])]
    for point in sweep.points:
        for metric in METRICS:
            values = [r.test[metric] for r in sweep.runs if r.epsilon == point.epsilon]
            low, high = stats.t.interval(
                0.95, df=1, loc=np.mean(values), scale=max(stats.sem(values), 1e-12)
            )
            found = point.test[metric]
            assert found.over == "seeds"
            assert (found.low, found.high) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-9)


def test_one_seed_has_its_interval_over_people(swept: tuple[Runs, Path]) -> None:
    """Nothing is said about noise where there is one seed."""
    runs, folder = swept
    one = {name: settings for name, settings in runs.items() if settings.seed == 0}
    sweep = gathered(one, folder, failures={}, command="penchant sweep")
    for point, name in zip(sweep.points, one, strict=True):
        found, kept = point.test["full hr@10"], read_summary(folder / name).test.full.interval
        assert kept is not None
        assert [found.low, found.high] == kept["hr@10"]
        assert found.over == "people"


def test_tables_have_every_run(swept: tuple[Runs, Path], tmp_path: Path) -> None:
    """The CSV has a row a run with what was spent and reached; the JSON has the same."""
    runs, folder = swept
    sweep = gathered(runs, folder, failures={}, command="penchant sweep")
    write_tables(sweep, tmp_path)
    rows = list(csv.DictReader((tmp_path / "sweep.csv").open()))
    assert [row["name"] for row in rows] == list(runs)
    for row in rows:
        assert float(row["full hr@10"]) == read_summary(folder / row["name"]).test.full.hr
        assert (row["epsilon"] == "") == ("no-privacy" in row["name"])
        if row["epsilon"]:
            assert 0 < float(row["spent"]) <= 8.0
    assert len(json.loads((tmp_path / "sweep.json").read_text())["runs"]) == 4


def test_page_says_where_privacy_has_a_recipe_of_its_own(
    swept: tuple[Runs, Path], tmp_path: Path
) -> None:
    """What full loses is not lost to noise alone; compact is trained alike with and without."""
    sweep = gathered(*swept, failures={}, command="penchant sweep")
    assert retrained(sweep) == []
    assert "another recipe" not in write_page(sweep, tmp_path).read_text("utf-8")
    larger = [point.model_copy(update={"preset": "full"}) for point in sweep.points]
    both = sweep.model_copy(update={"points": [*sweep.points, *larger]})
    assert retrained(both) == ["full"]
    page = write_page(both, tmp_path).read_text("utf-8")
    assert "With privacy full is trained by another recipe" in page
    assert "Of the best NDCG@10 without privacy (compact)" in page


def test_page_fits_phone_and_desktop(
    swept: tuple[Runs, Path], tmp_path: Path, open_browser: Callable[[tuple[int, int]], Chrome]
) -> None:
    """No horizontal scroll; each figure is told in words and has its table."""
    sweep = gathered(*swept, failures={}, command="penchant sweep --out <there>")
    page = write_page(sweep, tmp_path)
    for size in (PHONE, DESKTOP):
        window = open_browser(size)
        window.get(page.as_uri())
        assert window.execute_script(f"return {WIDE}") <= 0
        figures = window.find_elements("tag name", "figure")
        tables = window.find_elements("tag name", "table")
        assert len(figures) == len(tables) == len(METRICS)
        for figure in figures:
            label = figure.find_element("tag name", "desc").get_attribute("textContent") or ""
            assert "at 8" in label
            assert "popularity" in label
        value = sweep.points[0].test["full hr@10"].mean
        assert f"{value:.3f}" in tables[0].text
    text = page.read_text("utf-8")
    assert "stroke-dasharray" in text
    kept = (p.test["full ndcg@10"].mean for p in sweep.points)
    assert (
        f"Of the NDCG@10 without privacy, ε\u00a0=\u00a08 keeps {next(kept) / next(kept):.0%}"
        in text
    )
    lost = sweep.points[0].loss["full hr@10"]
    assert percent(lost.mean) in text
    assert percent(lost.low) in text
