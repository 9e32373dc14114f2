"""``penchant encoder``: build an encoder bundle, and show what one is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from penchant.shared.assets.progress import progress_bar
from penchant.shared.encoding.bundle import Manifest, open_bundle

__all__ = ["application"]

application = typer.Typer(
    no_args_is_help=True, help="Language models as small bundles that a device can load."
)


@application.command()
def build(
    source: Annotated[
        str, typer.Argument(help="A checkpoint: an asset's name, a folder, or a hub id.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to make; it must be absent or empty.")],
    max_length: Annotated[
        int | None,
        typer.Option(help="Tokens that a text is cut to; by default what the checkpoint says."),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            help="What goes before every text, such as 'query: ' (default: the prompt it has)."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Model id to record; by default the checkpoint's.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="ISO 639-1 code to record; may be repeated.")
    ] = None,
) -> None:
    """Turn a transformers checkpoint into a bundle: int8 ONNX, tokenizer and manifest.

    SOURCE is an asset's name, a checkpoint's folder, or a hub id such as owner/name.
    """
    from penchant.shared.encoding.builder import build_bundle

    with progress_bar() as progress:
        manifest = build_bundle(
            source,
            out,
            max_length=max_length,
            prefix=prefix,
            name=name,
            languages=tuple(language) if language else None,
            progress=progress,
        )
    _describe(out, manifest)


@application.command()
def show(folder: Annotated[Path, typer.Argument(help="A bundle's folder.")]) -> None:
    """Check a bundle's files and show what its manifest says."""
    _describe(folder, open_bundle(folder))


def _describe(folder: Path, manifest: Manifest) -> None:
    agreement = manifest.agreement
    table = Table(box=None, pad_edge=False, show_header=False)
    for label, value in (
        ("bundle", str(folder)),
        ("model", manifest.model_id),
        ("languages", ", ".join(manifest.languages) or "not stated"),
        ("dimension", str(manifest.dimension)),
        ("pooling", manifest.pooling),
        ("maximum length", f"{manifest.max_length} tokens"),
        ("weights", manifest.quantisation),
        ("size", decimal(sum(file.stat().st_size for file in folder.iterdir()))),
        (
            "agreement",
            f"cosine with fp32 {agreement.mean_cosine:.4f} mean, {agreement.least_cosine:.4f} "
            f"least, on {agreement.sample} ({agreement.texts} texts)",
        ),
        ("fingerprint", manifest.fingerprint),
    ):
        table.add_row(label, value)
    Console().print(table)
