"""A progress bar for what an asset's fetch reports."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressDisplay

from penchant.shared.assets.asset import Progress

__all__ = ["progress_bar"]


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a fetch on standard error while the block runs; gone when it ends."""
    display = ProgressDisplay(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with display:
        task = display.add_task("looking", total=None)
        current = ""

        def show(step: str, done: int, total: int | None) -> None:
            nonlocal current
            if step != current:
                current = step
                display.reset(task, total=total, description=step)
            display.update(task, completed=done, total=total)

        yield show
