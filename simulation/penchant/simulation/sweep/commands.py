"""The ``penchant sweep`` command."""

from pathlib import Path
from typing import Annotated

import typer

from penchant.shared.errors import MissingExtraError
from penchant.simulation.flags import command_with

__all__ = ["sweep"]

INTERRUPTED, INCOMPLETE = 130, 2


def sweep(
    out: Annotated[Path, typer.Option(help="Folder of the sweep; an interrupted one goes on.")],
    epsilon: Annotated[
        str, typer.Option(help="Budgets between commas; inf is no privacy.")
    ] = "1,2,4,8,inf",
    preset: Annotated[str, typer.Option(help="full, text, compact, between commas.")] = "compact",
    privacy: Annotated[
        str, typer.Option(help="Unit of the finite budgets: event, user or both.")
    ] = "user",
    population: Annotated[
        str | None,
        typer.Option(help="Devices, between commas: generated, or the data set's first."),
    ] = None,
    cohort: Annotated[
        str | None, typer.Option(help="Expected devices a round, between commas.")
    ] = None,
    clip: Annotated[
        str | None, typer.Option(help="Clipping norms of updates, between commas.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds between commas.")] = "0,1,2",
    dataset: Annotated[str | None, typer.Option(help="As of penchant simulate.")] = None,
    rounds: Annotated[int | None, typer.Option(help="As of penchant simulate.")] = None,
    devices: Annotated[int | None, typer.Option(help="As of penchant simulate.")] = None,
    delta: Annotated[float | None, typer.Option(help="As of penchant simulate.")] = None,
    protocol: Annotated[str | None, typer.Option(help="As of penchant simulate.")] = None,
    encoder: Annotated[str | None, typer.Option(help="As of penchant simulate.")] = None,
    controls: Annotated[str, typer.Option(help="As of penchant simulate.")] = "none",
    jobs: Annotated[int, typer.Option(min=1, help="Simulations at a time, a process each.")] = 1,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
) -> None:
    """Run a grid of simulations and draw what privacy costs.

    Each combination of budget, preset, population, cohort and clipping norm is run with each seed,
    as penchant simulate would, cheapest first. Runs that have ended are not done again, and
    interrupted ones go on. Writes sweep.html, sweep.json, sweep.csv and runs/ to --out; if it is
    interrupted, of the runs that have ended.
    """
    try:
        from penchant.simulation.sweep.grid import Grid, parsed, whole
        from penchant.simulation.sweep.interruption import TERMINATED, Terminated, stoppable
        from penchant.simulation.sweep.outputs import RUNS_FOLDER, write_all, write_partial
        from penchant.simulation.sweep.runs import run_grid, simulate_quietly
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant sweep") from error
    fixed = {
        "dataset": dataset,
        "rounds": rounds,
        "devices": devices,
        "delta": delta,
        "protocol": protocol,
        "encoder": encoder,
        "controls": controls,
    }
    lists = {
        "epsilon": epsilon,
        "preset": preset,
        "privacy": privacy,
        "population": population,
        "cohort": cohort,
        "clip": clip,
        "seeds": seeds,
    }
    grid = Grid(
        presets=parsed("--preset", preset, str),
        populations=(None,) if population is None else parsed("--population", population, whole),
        epsilons=parsed("--epsilon", epsilon, float),
        cohorts=(None,) if cohort is None else parsed("--cohort", cohort, int),
        clips=(None,) if clip is None else parsed("--clip", clip, float),
        seeds=parsed("--seeds", seeds, int),
        privacy=privacy,
        fixed=fixed,
    )
    runs = grid.runs()

    def tell(what: str) -> None:
        if not quiet:
            typer.echo(what, err=True)

    with stoppable():
        outcome = run_grid(runs, out / RUNS_FOLDER, jobs=jobs, simulate=simulate_quietly, tell=tell)
    command = command_with(
        "penchant sweep", {**lists, **fixed, "jobs": jobs if jobs > 1 else None, "out": out}
    )
    if outcome.stopped is not None:
        typer.echo(f"penchant: {write_partial(runs, out, outcome, command=command)}", err=True)
        if isinstance(outcome.stopped, KeyboardInterrupt):
            raise typer.Exit(TERMINATED if isinstance(outcome.stopped, Terminated) else INTERRUPTED)
        raise outcome.stopped
    page = write_all(runs, out, outcome, command=command)
    tell(f"see {page}")
    if outcome.failures:
        raise typer.Exit(INCOMPLETE)
