"""The ``penchant report`` command."""

from pathlib import Path
from typing import Annotated

import typer

from penchant.shared.errors import MissingExtraError

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output folder of a finished run.")],
    sweep: Annotated[
        Path | None,
        typer.Option(help="Folder of a penchant sweep, whose privacy-utility curve to add."),
    ] = None,
) -> None:
    """Write a run's report.html anew from what its folder holds by now.

    That is the run itself, drift.json of penchant evaluate drift, and, for a run of a sweep, the
    sweep's curve.
    """
    try:
        from penchant.simulation.wholereport import write_whole_report
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant report") from error
    typer.echo(f"see {write_whole_report(run, sweep=sweep)}")
