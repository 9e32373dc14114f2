"""``penchant serve`` and ``penchant server``: run a server, and act on its folder from outside."""

import os
import signal
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.shared.catalogue.precision import Precision
from penchant.shared.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from penchant.server.fleet.flower_adapter import FleetState
    from penchant.server.service.folder import ServerFolder

__all__ = ["application", "serve"]

Folder = Annotated[Path, typer.Option("--dir", help="The server's folder.")]
Configuration = Annotated[
    Path | None, typer.Option("--config", help="Configuration (default: DIR/server.toml).")
]
Trial = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="First start only: configure a trial with so many made-up people on this machine, "
        "without noise.",
    ),
]

application = typer.Typer(no_args_is_help=True, help="Act on a server's folder.")


def serve(
    directory: Folder,
    config: Configuration = None,
    trial: Trial = None,
) -> None:
    """Run an aggregation server; the first start makes its keys, certificate and configuration."""
    from penchant.server.service.logs import configure_logs

    folder = _folder(directory, config)
    _prepare(folder, trial)
    configuration = folder.configuration()
    typer.echo("publish a catalogue, then enrol devices:")
    typer.echo(f"  penchant server publish CATALOGUE --encoder BUNDLE --dir {folder.path}")
    typer.echo(f"  penchant server enroll --dir {folder.path}")
    network = configuration.network
    typer.echo("each device then needs one line, with a code of its own:")
    typer.echo(
        f"  penchant join https://{network.names[0]}:{network.port} --code CODE --device FOLDER"
    )
    from penchant.server.service.server import Server

    configure_logs()
    Server(folder, tell=typer.echo).run()


@application.command()
def init(directory: Folder, config: Configuration = None, trial: Trial = None) -> None:
    """Make a server's folder, as the first start does, and serve nothing yet."""
    _prepare(_folder(directory, config), trial)


@application.command()
def enroll(
    directory: Folder,
    config: Configuration = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many codes.")] = 1,
    label: Annotated[str, typer.Option(help="What to call the device.")] = "device",
    hours: Annotated[float, typer.Option(min=0.01, help="How long a code may be used.")] = 24.0,
) -> None:
    """Print one-time codes, one a line; each admits one device."""
    from penchant.server.enrolment.codes import make_code
    from penchant.server.operations.records import Records

    folder = _started(directory, config)
    fingerprint = folder.fingerprint(folder.configuration())
    with closing(Records(folder.records)) as records:
        for number in range(1, count + 1):
            name = label if count == 1 else f"{label}-{number}"
            code = make_code(
                records, fingerprint=fingerprint, label=name, valid_seconds=3600.0 * hours
            )
            typer.echo(str(code))


@application.command(name="list")
def list_devices(directory: Folder, config: Configuration = None) -> None:
    """List the enrolled devices: number, name, when enrolled and when last heard of."""
    with closing(_fleet(_started(directory, config))) as state:
        nodes = state.nodes()
    for node in nodes:
        seen = datetime.fromtimestamp(node.last_seen, UTC).isoformat(timespec="seconds")
        typer.echo(f"{node.node_id}\t{node.label}\t{node.registered[:19]}+00:00\t{seen}")


@application.command()
def revoke(
    directory: Folder,
    device: Annotated[str, typer.Argument(help="Number or name, as 'list' shows it.")],
    config: Configuration = None,
) -> None:
    """Shut a device out, at once and for good."""
    with closing(_fleet(_started(directory, config))) as state:
        found = [n for n in state.nodes() if device in (str(n.node_id), n.label)]
        if len(found) != 1:
            raise ConfigurationError(
                f"{len(found)} enrolled devices are called {device!r}; give the number of one, as "
                "'penchant server list' shows it"
            )
        state.revoke(found[0].node_id)
    typer.echo(f"revoked {found[0].node_id}")


@application.command()
def pause(directory: Folder, config: Configuration = None) -> None:
    """Begin no more rounds; the one that runs is finished."""
    _set_paused(_started(directory, config), "yes")


@application.command(name="continue")
def go_on(directory: Folder, config: Configuration = None) -> None:
    """Begin rounds again."""
    _set_paused(_started(directory, config), "no")


@application.command()
def reload(directory: Folder, config: Configuration = None) -> None:
    """Let the running server read its configuration again, before its next round."""
    folder = _started(directory, config)
    folder.configuration()
    process = folder.running_process()
    if process is None:
        raise ConfigurationError(f"no process serves {folder.path}; start one to use the new file")
    os.kill(process, signal.SIGHUP)


@application.command()
def publish(
    directory: Folder,
    catalogue: Annotated[
        Path, typer.Argument(help="Table with the columns item_id and text: Parquet or CSV.")
    ],
    encoder: Annotated[
        str, typer.Option(help="Bundle that embeds the texts: a folder or an asset's name.")
    ],
    config: Configuration = None,
    preset: Annotated[
        str | None, typer.Option(help="full, text or compact (as in use; at first: compact).")
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Length of the interest vector (at first: 16).")
    ] = None,
    features: Annotated[
        int | None, typer.Option(min=1, help="Rank of the item features (at first, compact: 32).")
    ] = None,
    history: Annotated[
        int | None, typer.Option(min=1, help="Events that attention sees (at first: 10).")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="How embeddings are kept on devices.")
    ] = Precision.INT8,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="Begin with a ranker that has learnt nothing, and drop what was learnt for good.",
        ),
    ] = False,
) -> None:
    """Release a catalogue, and with it a ranker that goes on from the one in use.

    Where there is none, or it has another shape or encoder, or no item in common, the new one has
    learnt nothing yet, or stands where it stood if the very same was trained here before.
    """
    from penchant.server.releases.publication import PublicationSettings, publish_catalogue
    from penchant.server.releases.shelf import Shelf
    from penchant.server.service.certificates import load_private_signing_key

    folder = _started(directory, config)
    settings = PublicationSettings.parse(
        preset=preset,
        dimension=dimension,
        features=features,
        history_length=history,
        precision=precision,
        anew=anew,
    )
    shelf = Shelf(folder.releases, load_private_signing_key(folder.signing_key))
    made = publish_catalogue(shelf, catalogue, encoder=encoder, settings=settings)
    new = "" if made.new_items is None else f", {made.new_items:,} of them new"
    learnt = "" if made.new_items is None else "; it goes on with what was learnt"
    typer.echo(
        f"released catalogue {made.catalogue.version} ({made.items:,} items{new}) and ranker "
        f"{made.ranker.version} ({made.shape.size:,} shared numbers, {made.shape.preset}){learnt}"
    )


def _folder(directory: Path, config: Path | None) -> "ServerFolder":
    try:
        from penchant.server.service.folder import ServerFolder
    except ModuleNotFoundError as error:
        raise MissingExtraError("server", "penchant serve") from error
    return ServerFolder(directory, configuration=config)


def _prepare(folder: "ServerFolder", trial: int | None) -> None:
    is_new = not folder.exists()
    if trial is not None and folder.configuration_path.exists():
        raise ConfigurationError(
            f"{folder.configuration_path} exists already; --trial is for a first start only"
        )
    folder.prepare(trial_devices=trial)
    if is_new:
        typer.echo(f"made {folder.path}: read {folder.configuration_path} before devices join")


def _started(directory: Path, config: Path | None) -> "ServerFolder":
    folder = _folder(directory, config)
    folder.require()
    return folder


def _fleet(folder: "ServerFolder") -> "FleetState":
    from penchant.server.fleet.flower_adapter import FleetState

    return FleetState(folder.fleet)


def _set_paused(folder: "ServerFolder", value: str) -> None:
    from penchant.server.operations.records import Records
    from penchant.server.service.rounds import PAUSED

    with closing(Records(folder.records)) as records:
        records.set_switch(PAUSED, value)
