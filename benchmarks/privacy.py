"""What privacy costs: MovieLens-100K over budgets, and generated populations over their sizes.

    python benchmarks/privacy.py [--out DIR] [--only user,event,people] [--largest 30000]
                                 [--seeds 3] [--json FILE]

Sections: ``user`` and ``event``: the preset ``compact`` on MovieLens-100K by budget, for each unit,
delta 1e-4; ``people``: user level on generated populations from 1,000 devices to ``--largest``. The
curve that is fitted to all but the largest is held against the largest: ``check`` figures, a share
each. They are what ``penchant sweep`` writes; its pages are in DIR, and a run that has ended there
is not done again. MovieLens takes some 10 minutes a seed, populations up to 30,000 some 10.
"""

import argparse
import json
import logging
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from math import inf
from pathlib import Path

from rich.console import Console
from rich.table import Table

from penchant.simulation.sweep.grid import Grid
from penchant.simulation.sweep.page import write_page
from penchant.simulation.sweep.records import Estimate, Sweep
from penchant.simulation.sweep.runs import run_grid, simulate_quietly
from penchant.simulation.sweep.table import gathered, write_tables

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
EPSILONS = (1.0, 2.0, 4.0, 8.0, inf)
MOVIELENS = {"dataset": "movielens-100k", "delta": 1e-4, "controls": "none"}
PEOPLE = {"dataset": "synthetic:items=2000", "controls": "none"}
Figures = dict[str, float]


def grids(*, seeds: int, largest: int) -> dict[str, Grid]:
    """Return the grid of each section."""

    def grid(privacy: str, sizes: tuple[int | None, ...], fixed: Mapping[str, object]) -> Grid:
        return Grid(
            presets=("compact",),
            populations=sizes,
            epsilons=EPSILONS if sizes[0] else (*EPSILONS[:-1], 16.0, inf),
            cohorts=(None,),
            clips=(None,),
            seeds=tuple(range(seeds)),
            privacy=privacy,
            fixed=fixed,
        )

    return {
        "user": grid("user", (None,), MOVIELENS),
        "event": grid("event", (None,), MOVIELENS),
        "people": grid("user", tuple(size for size in SIZES if size <= largest), PEOPLE),
    }


def swept(grid: Grid, folder: Path, console: Console) -> Sweep:
    """Run what is left of a sweep and write its tables and its page."""
    runs = grid.runs()
    failures = run_grid(
        runs, folder / "runs", jobs=1, simulate=simulate_quietly, tell=console.print
    )
    found = gathered(runs, folder / "runs", failures=failures, command="benchmarks/privacy.py")
    write_tables(found, folder)
    write_page(found, folder)
    return found


def figures(section: str, sweep: Sweep) -> Iterator[tuple[str, float]]:
    """Yield a sweep's figures: metrics, shares lost, and what the curve said of the largest."""
    for point in sweep.points:
        budget = "none" if point.epsilon is None else f"{point.epsilon:g}"
        name = f"{section}_{point.devices}_epsilon{budget}"
        for metric, value in point.test.items():
            yield from _ends(f"{name}_{_flat(metric)}", value)
        for metric, value in point.loss.items():
            yield from _ends(f"{name}_{_flat(metric)}_lost", value)
    for extrapolation in sweep.extrapolations:
        for check in extrapolation.checks:
            metric = _flat(extrapolation.metric)
            name = f"check_{check.devices}_epsilon{check.epsilon:g}_{metric}"
            yield from _ends(f"{name}_foretold", check.forecast)
            yield from _ends(f"{name}_measured", check.measured)


def _flat(metric: str) -> str:
    return metric.replace("@", "").replace(" ", "_")


def _ends(name: str, value: Estimate) -> Iterator[tuple[str, float]]:
    yield from ((name, value.mean), (f"{name}_low", value.low), (f"{name}_high", value.high))


def table(title: str, found: Figures) -> Table:
    """Return the figures as a table: value and interval."""
    shown = Table(title=title)
    for column in ("figure", "value", "95% interval"):
        shown.add_column(column)
    for name, value in found.items():
        if not name.endswith(("_low", "_high")):
            low, high = found[f"{name}_low"], found[f"{name}_high"]
            shown.add_row(name, f"{value:.3f}", f"{low:.3f} to {high:.3f}")
    return shown


def main() -> None:
    """Run the sections and print, and perhaps write, their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", default="user,event,people")
    parser.add_argument("--largest", type=int, default=30_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.WARNING)
    console = Console()
    everything: Figures = {}
    about = {
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("penchant", "torch", "numpy")},
    }
    console.print(about)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.out or Path(scratch)
        every = grids(seeds=arguments.seeds, largest=arguments.largest)
        for section in arguments.only.split(","):
            found = dict(figures(section, swept(every[section], folder / section, console)))
            console.print(table(section, found))
            everything |= found
    if arguments.json:
        arguments.json.write_text(json.dumps(about | everything, indent=2) + "\n")


if __name__ == "__main__":
    main()
