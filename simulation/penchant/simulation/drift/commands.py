"""``penchant evaluate``: evaluations beside that of a simulation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from penchant.shared.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from penchant.simulation.drift.table import Drift

__all__ = ["application"]

application = typer.Typer(no_args_is_help=True, help="Evaluate what simulations do not.")


@application.callback()
def _evaluate() -> None:
    """Evaluate what simulations do not."""


@application.command()
def drift(
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of a finished penchant simulate: follow with its ranker."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set, as of penchant simulate (default: movielens-100k)."),
    ] = None,
    devices: Annotated[int | None, typer.Option(min=2, help="First N people of the data.")] = None,
    people: Annotated[
        int, typer.Option(min=2, help="People to follow at most, evenly spaced.")
    ] = 1000,
    before: Annotated[int, typer.Option(help="Events before the switch, a multiple of 5.")] = 20,
    after: Annotated[int, typer.Option(help="Events after the switch, a multiple of 5.")] = 40,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="With --run: train the private vector every N events (20)."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Language model, as of simulate (default: minilm).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of bootstrap and training.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Write drift.json and drift.html here (default: with --run, to it)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Predict, then learn, event by event, around switches of interest.

    Compares what follows a person with what is retrained now and then and what stands still: HR@10
    and NDCG@10 by event since the switch, and events until recovery. With --run it is the run's
    trained ranker that follows, and the run's report is written anew; without, the interest state
    alone. A generated population knows its switches; other people go on as one unlike them.
    """
    if min(before, after) < 5 or before % 5 or after % 5:
        raise ConfigurationError(
            f"--before is {before} and --after {after}; both must be multiples of 5, from 5 on"
        )
    given = {"--dataset": dataset, "--devices": devices, "--encoder": encoder}
    unfit = given if run is not None else {"--every": every}
    for flag, value in unfit.items():
        if value is not None:
            raise ConfigurationError(
                f"{flag} is {value}; it does not go {'with' if run else 'without'} --run: "
                + ("the run has its own" if run else "interest states are not trained")
            )
    try:
        from penchant.simulation.drift.evaluation import evaluate_drift
        from penchant.simulation.drift.runs import EVERY, evaluate_run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant evaluate drift") from error

    def tell(what: str) -> None:
        typer.echo(what, err=True)

    if run is not None:
        found = evaluate_run(
            run,
            people=people,
            before=before,
            after=after,
            every=EVERY if every is None else every,
            seed=seed,
            tell=tell,
        )
    else:
        found = evaluate_drift(
            dataset or "movielens-100k",
            devices=devices,
            people=people,
            before=before,
            after=after,
            encoder=encoder or "minilm",
            seed=seed,
            tell=tell,
        )
    _write(found, run=run, out=out)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    Console().print(_table(found))


def _write(found: "Drift", *, run: Path | None, out: Path | None) -> None:
    """Write both files where they are asked for, and a run's report anew."""
    folder = run if out is None else out
    if folder is None:
        return
    from penchant.simulation.drift.page import write_page
    from penchant.simulation.drift.table import write_json
    from penchant.simulation.wholereport import write_whole_report

    folder.mkdir(parents=True, exist_ok=True)
    write_json(found, folder)
    write_page(found, folder)
    if folder == run:
        write_whole_report(folder)


def _table(found: "Drift") -> Table:
    table = Table(
        "profile",
        "NDCG@10 before",
        "right after",
        "at the end",
        "HR@10 at the end",
        "recovers",
        "catches up",
        title=f"{found.dataset}, {found.subject}: {found.people:,} people, "
        f"switches {found.switches}",
        title_justify="left",
    )
    from penchant.simulation.drift.section import events_told

    for profile in found.profiles:
        values = [profile.level, profile.fallen, profile.ndcg[-1], profile.hr[-1]]
        told = [f"{value.mean:.3f} ({value.low:.3f} to {value.high:.3f})" for value in values]
        for events, within in (
            (profile.recovery, profile.recovery_range),
            (profile.caught_up, profile.caught_up_range),
        ):
            count, small = events_told(events, within, after=found.after)
            told.append(f"{count} ({small})" if small else count)
        table.add_row(profile.name, *told)
    return table
