"""``penchant evaluate``: evaluations beside that of a simulation."""

import shlex
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
    dataset: Annotated[
        str, typer.Option(help="Data set, as of penchant simulate.")
    ] = "movielens-100k",
    devices: Annotated[int | None, typer.Option(min=2, help="First N people of the data.")] = None,
    before: Annotated[int, typer.Option(help="Events before the switch, a multiple of 5.")] = 20,
    after: Annotated[int, typer.Option(help="Events after the switch, a multiple of 5.")] = 40,
    encoder: Annotated[str, typer.Option(help="Language model, as of simulate.")] = "minilm",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Also write drift.json and drift.html to this folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Predict, then learn, event by event, around switches of interest.

    Compares the device's interest policies with a profile that is retrained now and then and one
    that stands still: HR@10 and NDCG@10 by event since the switch, and events until recovery. A
    generated population knows its switches; other people go on as the one least like them.
    """
    if min(before, after) < 5 or before % 5 or after % 5:
        raise ConfigurationError(
            f"--before is {before} and --after {after}; both must be multiples of 5, from 5 on"
        )
    try:
        from penchant.simulation.drift.evaluation import evaluate_drift
        from penchant.simulation.drift.table import write_json
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant evaluate drift") from error
    command = ["penchant", "evaluate", "drift", "--dataset", dataset, "--encoder", encoder]
    if devices is not None:
        command += ["--devices", str(devices)]
    command += ["--before", str(before), "--after", str(after), "--seed", str(seed)]
    found = evaluate_drift(
        dataset,
        devices=devices,
        before=before,
        after=after,
        encoder=encoder,
        seed=seed,
        command=shlex.join(command),
        tell=lambda what: typer.echo(what, err=True),
    )
    if out is not None:
        from penchant.simulation.drift.page import write_page

        out.mkdir(parents=True, exist_ok=True)
        write_json(found, out)
        write_page(found, out)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    Console().print(_table(found))


def _table(found: "Drift") -> Table:
    table = Table(
        "profile",
        "NDCG@10 before",
        "right after",
        "at the end",
        "HR@10 at the end",
        "events to recover",
        title=f"{found.dataset}: {found.people:,} people, switches {found.switches}",
        title_justify="left",
    )
    from penchant.simulation.drift.page import recovery_told

    for profile in found.profiles:
        values = [profile.level, profile.fallen, profile.ndcg[-1], profile.hr[-1]]
        told = [f"{value.mean:.3f} ({value.low:.3f} to {value.high:.3f})" for value in values]
        table.add_row(profile.name, *told, recovery_told(profile, after=found.after))
    return table
