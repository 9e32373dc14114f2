"""``penchant data``: what a data set is like, and whether a simulation can use it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from penchant.shared.errors import MissingExtraError

if TYPE_CHECKING:
    from penchant.simulation.datasets.description import Description

__all__ = ["application"]

INVALID = 2

application = typer.Typer(
    no_args_is_help=True, help="Data sets: what they are like, and what is wrong with them."
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="movielens-100k, synthetic:KEY=VALUE,..., or movielens:, mind:, table:, sequences: or "
        "wide:PATH, with options after commas.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


@application.command()
def describe(dataset: Name, as_json: Json = False) -> None:
    """Show counts, histories, times, texts and malformed rows of a data set."""
    description = _described(dataset)
    if as_json:
        typer.echo(description.model_dump_json(indent=2))
        return
    console = Console()
    console.print(_overview(description))
    _show_remarks(description, console)


@application.command()
def validate(dataset: Name, as_json: Json = False) -> None:
    """Say whether a simulation can use a data set: exit code 0 if it can, 2 if not.

    It cannot if more rows are malformed than tolerate= allows, if nobody has enough events to hold
    one out, if everybody has met every item, or if all items have one text.
    """
    description = _described(dataset)
    if as_json:
        typer.echo(
            description.model_dump_json(
                indent=2, include={"name", "problems", "warnings", "notes", "files"}
            )
        )
    else:
        console = Console()
        _show_remarks(description, console)
        verdict = "valid" if description.valid else "not valid"
        console.print(f"{description.name}: {verdict}", markup=False, highlight=False)
    if not description.valid:
        raise typer.Exit(INVALID)


def _described(name: str) -> "Description":
    try:
        from penchant.simulation.datasets.description import describe as described
        from penchant.simulation.datasets.loaded import Loaded
        from penchant.simulation.datasets.registry import load, read
        from penchant.simulation.datasets.sources import KINDS, Source
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant data") from error
    if ":" in name and name.partition(":")[0] in KINDS:
        source = Source.parse(name)
        return described(read(source), tolerance=source.tolerance)
    return described(Loaded(load(name)), tolerance=0.0)


def _overview(found: "Description") -> Table:
    table = Table(title=found.name, box=None, show_header=False, title_justify="left")
    order_only = "only their order"
    for label, value in (
        ("people", f"{found.people:,}"),
        ("items", f"{found.items:,} ({found.unmet_items:,} that nobody met)"),
        ("events", f"{found.events:,}"),
        ("density", f"{found.density:.3%} of all pairs of person and item"),
        ("events a person", _spread(found.events_a_person)),
        ("events an item", _spread(found.events_an_item)),
        ("most popular tenth", f"{found.top_tenth:.0%} of the events"),
        ("times", order_only if found.first is None else f"{found.first} to {found.last}"),
        ("at one time", f"{found.same_time:.1%} of neighbouring events"),
        ("scripts", _counts(found.scripts) or "-"),
        ("items without text", f"{found.items_without_text:,}"),
        ("items of one text", f"{found.repeated_texts:,}"),
        ("twin events", f"{found.duplicates:,}"),
        ("events met before", f"{found.repeats:,}"),
        ("too short to test", f"{found.too_short:,} people"),
        ("kinds", "-" if found.kinds is None else _counts(found.kinds)),
        ("impressions", "-" if found.impressions is None else f"{found.impressions:,}"),
    ):
        table.add_row(label, value)
    return table


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _spread(quantiles: dict[str, float]) -> str:
    return ", ".join(f"{share} {value:g}" for share, value in quantiles.items())


def _show_remarks(found: "Description", console: Console) -> None:
    malformed = Table("file", "row", "what is wrong", title="malformed rows", title_justify="left")
    for file in found.files:
        for row in file.examples:
            malformed.add_row(Path(file.path).name, f"{row.line:,}", row.reason)
        if file.malformed > len(file.examples):
            malformed.add_row(Path(file.path).name, "...", f"{file.malformed:,} in all")
    if malformed.row_count:
        console.print(malformed)
    for label, remarks in (
        ("note", found.notes),
        ("warning", found.warnings),
        ("problem", found.problems),
    ):
        for remark in remarks:
            console.print(f"{label}: {remark}", markup=False, highlight=False, soft_wrap=True)
