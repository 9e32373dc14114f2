"""The ``penchant compare`` command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from penchant.shared.errors import MissingExtraError

if TYPE_CHECKING:
    from penchant.simulation.report.summary import Results
    from penchant.simulation.sidebyside.table import SideBySide

__all__ = ["compare"]


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Output folders of finished runs.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Also write this page, such as compare.html.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Put simulations side by side: settings that differ, test metrics, controls and epsilon.

    Runs over other data, or with other held-out events, are refused: their figures do not answer
    the same question.
    """
    try:
        from penchant.simulation.sidebyside.page import write_page
        from penchant.simulation.sidebyside.table import side_by_side
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant compare") from error
    found = side_by_side(runs)
    if out is not None:
        write_page(found, out)
    if as_json:
        typer.echo(found.model_dump_json(by_alias=True, indent=2))
        return
    console = Console()
    for table in _tables(found):
        console.print(table, markup=False)
    if out is not None:
        console.print(f"see {out}", markup=False, highlight=False, soft_wrap=True)


def _tables(found: "SideBySide") -> list[Table]:
    """Return metrics, controls and settings, a row for each run or setting."""
    from penchant.simulation.report import words
    from penchant.simulation.sidebyside.page import METRICS, PROTOCOLS, models_by_run, value_told

    tables = []
    for protocol, title in PROTOCOLS.items():
        table = Table("run", *METRICS.values(), "ε", title=title, title_justify="left")
        for run in found.runs:
            epsilon = ", ".join(f"{words.number(e)} per {unit}" for unit, e in run.epsilon.items())
            table.add_row(run.name, *_cells(run.test, protocol), epsilon or "no bound")
        tables.append(table)
    names = [run.name for run in found.runs]
    controls = Table("NDCG@10, full ranking", *names, title="Controls", title_justify="left")
    for title, results in models_by_run(found).items():
        told = ["-" if result is None else f"{result.full.ndcg:.3f}" for result in results]
        controls.add_row(title, *told)
    settings = Table("setting", *names, title="Settings that differ", title_justify="left")
    for name, values in found.different.items():
        settings.add_row(name, *map(value_told, values))
    return [*tables, controls, settings]


def _cells(results: "Results", protocol: str) -> list[str]:
    from penchant.simulation.report import words
    from penchant.simulation.sidebyside.page import METRICS

    scores = getattr(results, protocol)
    intervals = scores.interval or {}
    return [
        f"{getattr(scores, field):.3f}"
        + (f" ({words.interval(intervals[name.lower()])})" if name.lower() in intervals else "")
        for field, name in METRICS.items()
    ]
