"""``penchant assets``: list, fetch and check the named files."""

from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from penchant.shared.assets.catalogue import find, names
from penchant.shared.assets.progress import progress_bar
from penchant.shared.assets.store import AssetStore, fetch, verify
from penchant.shared.files import cache_folder

__all__ = ["application"]

application = typer.Typer(
    no_args_is_help=True, help="Language models and data sets: list, fetch and check them."
)

Names = Annotated[list[str], typer.Argument(help="Names of assets; see: penchant assets list.")]


@application.command(name="list")
def list_assets() -> None:
    """List the assets there are, and which of them are on this machine."""
    store = AssetStore(cache_folder() / "assets")
    table = Table(box=None, pad_edge=False)
    for column in ("name", "what it is", "licence", "size", "fetched"):
        table.add_column(column, justify="right" if column == "size" else "left")
    for asset in map(find, names()):
        here = "yes" if store.holds(asset) else "no"
        table.add_row(asset.name, asset.summary, asset.licence, decimal(asset.size), here)
    Console().print(table)


@application.command(name="fetch")
def fetch_assets(
    wanted: Names,
    replace: Annotated[
        bool, typer.Option("--replace", help="Fetch again what is already there.")
    ] = False,
) -> None:
    """Fetch assets into the cache folder and print where each is."""
    for asset in [find(name) for name in wanted]:
        with progress_bar() as progress:
            folder = fetch(asset.name, replace=replace, progress=progress)
        typer.echo(f"{asset.name}: {folder}")


@application.command(name="verify")
def verify_assets(
    wanted: Annotated[
        list[str] | None, typer.Argument(help="Names of assets; by default all that are fetched.")
    ] = None,
) -> None:
    """Compare the hash of every fetched file with the pinned one."""
    store = AssetStore(cache_folder() / "assets")
    chosen = wanted or [name for name in names() if store.holds(find(name))]
    for name in chosen:
        verify(name)
        typer.echo(f"{name}: {len(find(name).files)} files, all as pinned")
    if not chosen:
        typer.echo("no asset is fetched yet; see: penchant assets list")
