"""What privacy costs, as a part of the page of a run that belongs to a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from penchant.shared.errors import DataError
from penchant.simulation.report import words
from penchant.simulation.report.record import read_if_there
from penchant.simulation.report.sections import Cell, Plot, Section, Table
from penchant.simulation.sweep.page import heading, plots
from penchant.simulation.sweep.records import Point, Run, Sweep

__all__ = ["SWEEP_FILE", "read_sweep", "sweep_of", "sweep_section"]

SWEEP_FILE = "sweep.json"
_METRICS = ("full hr@10", "full ndcg@10")


def sweep_of(run: Path) -> Sweep | None:
    """Return the sweep whose folder has the run ``run`` in its ``runs``; None if there is none.

    Raises:
        DataError: its ``sweep.json`` is not valid.
    """
    found = read_if_there(Sweep, run.absolute().parent.parent / SWEEP_FILE)
    return found if found is not None and _row(found, run) is not None else None


def read_sweep(folder: Path) -> Sweep:
    """Read the ``sweep.json`` of a sweep's folder.

    Raises:
        DataError: there is none, or it is not valid; the error names the fields.
    """
    found = read_if_there(Sweep, folder / SWEEP_FILE)
    if found is None:
        raise DataError(f"no {SWEEP_FILE} in {folder}; give the --out of penchant sweep")
    return found


def sweep_section(sweep: Sweep, *, run: Path) -> Section:
    """Return the privacy-utility curve of a sweep, for people.

    Args:
        sweep: the sweep.
        run: folder of the run whose page it is, which is told if it is one of the sweep's.
    """
    own = _row(sweep, run)
    this = "" if own is None else f" This run is the one with {_told(own)}."
    return Section(
        name="privacy-utility",
        heading="What privacy costs",
        words=(
            f"{heading(sweep)}: {len(sweep.runs)} simulations on {sweep.dataset}, "
            f"{len(sweep.points)} settings.{this}",
        ),
        plots=[
            Plot(plot.picture, _table(plot.title, plot.metric, plot.lines))
            for plot in plots(sweep, metrics=_METRICS)
        ],
        notes=(
            "ε is the budget of a whole run; ∞ is no differential privacy. Intervals are 95%, over "
            "seeds where a setting has several, else over people. Metrics are of test items: they "
            "say what a budget costs, and are not for choosing settings.",
        ),
        command=sweep.command,
    )


def _row(sweep: Sweep, run: Path) -> Run | None:
    return next((row for row in sweep.runs if row.name == run.absolute().name), None)


def _told(run: Run) -> str:
    budget = "no differential privacy" if run.epsilon is None else f"ε = {run.epsilon:g}"
    return f"{run.preset}, {budget} and seed {run.seed}"


def _table(title: str, metric: str, lines: Mapping[str, Sequence[Point]]) -> Table:
    from penchant.simulation.sweep.figures import epsilon_told

    rows = []
    for line, points in lines.items():
        for point in points:
            value = point.test[metric]
            bounds = words.interval([value.low, value.high])
            budget = Cell(epsilon_told(point.epsilon))
            rows.append([Cell(line), budget, Cell(f"{value.mean:.3f}", bounds)])
    return Table(title, ("Ranker", "ε", "Mean"), rows)
