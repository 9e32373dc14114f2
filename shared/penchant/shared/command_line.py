"""The ``penchant`` command: gathers the commands that the installed parts bring."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version

# Flower and Ray read these at import: no telemetry and no update check for our users.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import click
import typer

from penchant.shared.errors import PenchantError

__all__ = ["COMMAND_GROUP", "application", "main"]

COMMAND_GROUP = "penchant.commands"
BAD_INPUT = 2
DECLINED = 1
INTERRUPTED = 130


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"penchant {version('penchant')}")
        raise typer.Exit


def _describe(
    _version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Recommendation that learns what a person likes without anyone else seeing what they did."""


def _add(app: typer.Typer, entry_point: EntryPoint) -> None:
    command = entry_point.load()
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=entry_point.name)
    else:
        app.command(name=entry_point.name)(command)


def application() -> typer.Typer:
    """Return the command line made of every installed part's commands.

    A part registers a function or a ``typer.Typer`` under the entry point group
    ``penchant.commands``, so that no part has to import another to be listed here.
    """
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_describe)
    for entry_point in sorted(entry_points(group=COMMAND_GROUP), key=lambda found: found.name):
        _add(app, entry_point)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 declined, 2 bad input, 130 interrupted."""
    try:
        command = typer.main.get_command(application())
        status = command.main(arguments, prog_name="penchant", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except (PenchantError, OSError) as error:
        _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except click.Abort:  # a question was answered with no, or not at all
        _fail("nothing was done", DECLINED)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(reason: str, status: int) -> None:
    line = " ".join(reason.split())
    if line:
        sys.stderr.write(f"penchant: {line}\n")
    sys.exit(status)
