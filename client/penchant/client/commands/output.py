"""What commands print: a table for people, or JSON for programs."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console, RenderableType

__all__ = ["Json", "moment", "show"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show(value: Any, picture: RenderableType, *, as_json: bool) -> None:
    """Print ``value`` as JSON, or ``picture`` of it.

    Args:
        value: dataclasses, models and plain values, nested as they come.
        picture: the same for people.
        as_json: which of them.
    """
    if as_json:
        typer.echo(json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2))
    else:
        Console().print(picture)


def moment(seconds: int) -> str:
    """Return a time in unix seconds as the person's clock shows it."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"
