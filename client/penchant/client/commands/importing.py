"""``penchant import``: bring what a person did elsewhere onto their device."""

import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from penchant.client.commands.device import Folder, device_folder, open_device
from penchant.client.commands.output import Json, moment, show

if TYPE_CHECKING:
    from penchant.client.imports.importing import Imported
    from penchant.client.imports.log import Log

__all__ = ["import_log"]

ENOUGH_TO_TIME = 1_000


def import_log(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, TSV, JSON or Parquet: a row an event, or a person (wide form)."),
    ],
    device: Folder = None,
    user: Annotated[
        str | None, typer.Option(help="Whose rows, if the file has several people's.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="ROLE=COLUMN where guessing fails, such as item=movie_id."),
    ] = None,
    kind: Annotated[str, typer.Option(help="Kind of the events that tell none.")] = "view",
    tolerate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rows that may be malformed.")
    ] = 0.01,
    encoding: Annotated[
        str | None, typer.Option(help="Of a text file, such as gb18030 (default: found out).")
    ] = None,
    separator: Annotated[
        str | None, typer.Option(help="Between fields of a text file (default: found out).")
    ] = None,
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="Whether the first line names columns.")
    ] = True,
    time_format: Annotated[
        str | None, typer.Option(help="How times are written, such as '%d/%m/%Y %H:%M'.")
    ] = None,
    list_separator: Annotated[
        str | None, typer.Option(help="Between entries of a cell (default: found out).")
    ] = None,
    newest_first: Annotated[
        bool, typer.Option("--newest-first", help="Lists in cells begin with what was last.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and count, and write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have the device observe the events in FILE.

    Too many malformed rows, or no event that the device can take: an error, and nothing is
    written. Importing a file again changes nothing: the same thing at the same time counts once.
    """
    from penchant.client.home import Home
    from penchant.client.imports import importing, read_log
    from penchant.shared.catalogue import Catalogue
    from penchant.shared.tables import TableFormat, parse_mapping, require_kind

    home = Home.read(device_folder(device))
    began = clock.perf_counter()
    with _progress(quiet=as_json) as progress:
        reading = progress.add_task("reading", total=None)
        log = read_log(
            file,
            user=user,
            columns=parse_mapping(columns or ()),
            form=TableFormat(encoding=encoding, separator=separator, header=header),
            default_kind=require_kind(kind),
            time_format=time_format,
            separator=list_separator,
            newest_first=newest_first,
            tolerance=tolerate,
            progress=lambda rows: progress.update(reading, completed=rows),
        )
        progress.update(reading, total=log.rejects.rows, completed=log.rejects.rows)
        catalogue = Catalogue.open(home.catalogue)
        if dry_run:
            done = importing.foreseen(log, catalogue)
        else:
            observing = progress.add_task("observing", total=len(log.events))
            with open_device(device) as opened:
                done = importing.import_log(
                    opened,
                    log,
                    catalogue,
                    can_embed=home.encoder is not None,
                    progress=lambda events: progress.update(observing, completed=events),
                )
            progress.update(observing, completed=len(log.events))
    seconds = clock.perf_counter() - began
    figures = _figures(log, done, seconds=seconds, dry_run=dry_run)
    show(figures, _picture(figures), as_json=as_json)


def _progress(*, quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def _figures(log: "Log", done: "Imported", *, seconds: float, dry_run: bool) -> dict[str, Any]:
    return {
        "file": str(log.rejects.path),
        "user": log.user,
        "dry_run": dry_run,
        "rows": log.rejects.rows,
        "malformed": log.rejects.count,
        "malformed_rows": log.rejects.examples,
        "unit": log.rejects.unit,
        "events": done.events,
        "times": log.has_times,
        "first": log.events[0].time,
        "last": log.events[-1].time,
        "kinds": done.kinds,
        "unknown_kinds": dict(log.unknown_kinds),
        "texts": done.texts,
        "unknown_items": done.unknown,
        "refused": done.refused,
        "kept": done.kept,
        "seconds": round(seconds, 3),
        "events_per_second": round(done.events / seconds),
    }


def _picture(figures: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in figures["kinds"].items())
    custom = ", ".join(f"{word} ({count:,})" for word, count in figures["unknown_kinds"].items())
    span = f"{moment(figures['first'])} to {moment(figures['last'])}"
    rows: list[tuple[str, str]] = [
        ("file", figures["file"]),
        ("of", figures["user"] or "whoever has this device"),
        ("rows", f"{figures['rows']:,}, of which {figures['malformed']:,} malformed"),
        *(
            ("", f"{figures['unit']} {row.line:,}: {row.reason}")
            for row in figures["malformed_rows"]
        ),
        ("events", f"{figures['events']:,}: {kinds}"),
        ("times", span if figures["times"] else "none: an hour apart, up to the file's own time"),
    ]
    if custom:
        rows.append(("custom", f"kinds that are not known: {custom}"))
    if figures["texts"]:
        rows.append(("texts", f"{figures['texts']:,} on no item of the catalogue"))
    if figures["unknown_items"]:
        left_out = f"{figures['unknown_items']:,} on unknown items without a text"
        rows.append(("left out", left_out))
    if figures["dry_run"]:
        rows.append(("kept", "nothing: this was a dry run"))
    else:
        rows += [
            ("refused", f"{figures['refused']:,} by the device's rules (penchant device health)"),
            ("kept", f"{figures['kept']:,}"),
        ]
    if figures["events"] >= ENOUGH_TO_TIME:
        rows.append(("speed", f"{figures['events_per_second']:,} events a second"))
    for label, value in rows:
        table.add_row(label, value)
    return table
