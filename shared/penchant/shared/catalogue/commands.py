"""``penchant catalogue``: make a catalogue of a table of items, and show what one is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import track
from rich.table import Table

from penchant.shared.catalogue.catalogue import Catalogue
from penchant.shared.catalogue.manifest import read_manifest
from penchant.shared.catalogue.precision import Precision
from penchant.shared.encoding import Encoder
from penchant.shared.encoding.cached import find_bundle

__all__ = ["application", "build_catalogue"]

application = typer.Typer(
    no_args_is_help=True, help="Catalogues: the items that a device can recommend."
)


@application.command()
def build(
    table: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet with an id and a text a row.")],
    out: Annotated[Path, typer.Option(help="Folder to make; it must be absent or empty.")],
    encoder: Annotated[str, typer.Option(help="A bundle's folder, or an asset's name.")] = "minilm",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="item=COLUMN or text=COLUMN, where guessing fails."),
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="How embeddings are kept on disk.")
    ] = Precision.INT8,
) -> None:
    """Embed the texts of TABLE and write a catalogue that devices map into memory."""
    build_catalogue(table, out, encoder=encoder, columns=columns or (), precision=precision)
    _describe(out)


@application.command()
def show(folder: Annotated[Path, typer.Argument(help="A catalogue's folder.")]) -> None:
    """Check a catalogue's files and show what its manifest says."""
    _describe(folder)


def build_catalogue(
    table: Path,
    folder: Path,
    *,
    encoder: str,
    columns: Sequence[str] = (),
    precision: Precision = Precision.INT8,
) -> None:
    """Embed a table's items, with a progress bar on standard error, and write their catalogue.

    Args:
        table: CSV, TSV or Parquet; needs the ``tables`` extra.
        folder: where to; must be absent or empty.
        encoder: a bundle's folder, or an asset's name.
        columns: ``item=COLUMN`` or ``text=COLUMN``, for what is not to be guessed.
        precision: how embeddings are kept.

    Raises:
        DataError: the table cannot be read, or too many of its rows are malformed.
        EncoderError: the bundle cannot be loaded.
    """
    from penchant.shared.tables import parse_mapping, read_items
    from penchant.shared.tables.rejects import DEFAULT_TOLERANCE

    found = read_items(table, columns=parse_mapping(columns))
    found.rejects.check(DEFAULT_TOLERANCE)
    watched = track(
        found.ids, "embedding", console=Console(stderr=True), transient=True, show_speed=False
    )
    Catalogue.write(
        folder,
        watched,
        texts=found.texts,
        encoder=Encoder.open(find_bundle(encoder)),
        precision=precision,
    )


def _describe(folder: Path) -> None:
    manifest = read_manifest(folder, verify=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    for label, value in (
        ("catalogue", str(folder)),
        ("items", f"{manifest.items:,}"),
        ("texts", "kept" if manifest.texts else "not kept"),
        ("embeddings", f"{manifest.dimension} numbers, {manifest.precision}"),
        ("encoder", manifest.encoder or "not stated"),
        ("size", decimal(sum(file.stat().st_size for file in folder.iterdir()))),
        ("fingerprint", manifest.fingerprint),
    ):
        table.add_row(label, value)
    Console().print(table)
