"""``penchant device``: a person's device at a terminal."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_data_path

from penchant.client.commands import tables
from penchant.client.commands.output import Json, show
from penchant.client.commands.passphrases import (
    ask_new_passphrase,
    ask_other_passphrase,
    ask_passphrase,
)
from penchant.client.device import Device
from penchant.client.events import Event
from penchant.client.home import Home, KeyChoice
from penchant.client.ledger import Purpose, terms_of
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.files import write_atomically

__all__ = ["Folder", "application", "device_folder", "open_device"]

CATALOGUE_FOLDER = "catalogue"


class PurposeName(StrEnum):
    """Purposes of consent, in words short enough to type."""

    TRAIN_RANKER = "train-ranker"
    TRUST_SERVER = "trust-server"
    MEASURE_RANKER = "measure-ranker"


application = typer.Typer(
    no_args_is_help=True, help="Your device: what you did, what it learnt, what it recommends."
)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--device",
        envvar="PENCHANT_DEVICE",
        help="The device's folder (default: one in your data folder).",
    ),
]
Count = Annotated[int, typer.Option("-k", help="How many to show at most.")]


def open_device(folder: Path | None) -> Device:
    """Return the device in ``folder``, or in the person's data folder, open.

    A passphrase comes from the environment variable ``PENCHANT_PASSPHRASE``, or is asked for.
    """
    chosen = device_folder(folder)
    return Home.read(chosen).open(chosen, ask_passphrase=ask_passphrase)


@application.command()
def init(
    device: Folder = None,
    items: Annotated[
        Path | None, typer.Option(help="CSV, TSV or Parquet with an id and a text a row.")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Instead: a catalogue made by penchant catalogue build.")
    ] = None,
    encoder: Annotated[str, typer.Option(help="A bundle's folder, or an asset's name.")] = "minilm",
    ranker: Annotated[
        Path | None, typer.Option(help="A ranker file; without, one that has learnt nothing yet.")
    ] = None,
    keys: Annotated[
        KeyChoice, typer.Option(help="What the device's keys are wrapped with.")
    ] = KeyChoice.OS,
    key_file: Annotated[
        Path | None, typer.Option(help="Where, with --keys file: not in the device's folder.")
    ] = None,
) -> None:
    """Make a device: an encrypted store, and the items that it can recommend."""
    folder = device_folder(device)
    if (items is None) == (catalogue is None):
        raise ConfigurationError("give either --items, a table, or --catalogue, a folder")
    if catalogue is None:
        from penchant.shared.catalogue.commands import build_catalogue

        catalogue = folder / CATALOGUE_FOLDER
    home = Home(
        catalogue=catalogue.resolve(),
        encoder=encoder,
        ranker=ranker and ranker.resolve(),
        keys=keys,
        key_file=key_file and key_file.resolve(),
    )
    home.require_fit(folder)
    with _removed_on_failure(catalogue if items is not None and folder.exists() else folder):
        if items is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            build_catalogue(items, catalogue, encoder=encoder)
        with home.open(folder, ask_passphrase=ask_new_passphrase):
            home.write(folder)
    typer.echo(f"the device is in {folder}; tell it what you do with: penchant device observe")


@application.command()
def observe(
    kind: Annotated[str, typer.Argument(help="view, search, click, like, dislike, ...")],
    item: Annotated[str | None, typer.Option(help="Id of a catalogue item.")] = None,
    text: Annotated[str | None, typer.Option(help="Free text, such as a search.")] = None,
    time: Annotated[int | None, typer.Option(help="Unix seconds (default: now).")] = None,
    language: Annotated[str | None, typer.Option(help="Of the text, such as de.")] = None,
    device: Folder = None,
    as_json: Json = False,
) -> None:
    """Tell the device one thing you did."""
    event = Event.parse(
        {"kind": kind, "item": item, "text": text, "time": time, "language": language}
    )
    with open_device(device) as opened:
        (number,) = opened.observe(event)
        if number is None:
            refused = opened.health().last_refused[-1]
            raise DataError(f"the event was not kept: {refused.reason}")
        show({"event": number}, f"kept as event {number}", as_json=as_json)


@application.command()
def recommend(
    k: Count = 10,
    diversity: Annotated[
        float, typer.Option(help="From 0, the best alone, to 1: how unlike each other.")
    ] = 0.0,
    seen: Annotated[bool, typer.Option("--seen", help="Items you know, too.")] = False,
    device: Folder = None,
    as_json: Json = False,
) -> None:
    """What may interest you, and why."""
    with open_device(device) as opened:
        found = opened.recommend(k=k, diversity=diversity, exclude_seen=not seen)
    show(tables.plain_recommendations(found), tables.recommendations(found), as_json=as_json)


@application.command()
def interests(k: Count = 10, device: Folder = None, as_json: Json = False) -> None:
    """What the device takes you to be interested in, and which events say so."""
    with open_device(device) as opened:
        found, edits = opened.interests(k=k), opened.interest_edits()
    show({"interests": found, "edits": edits}, tables.interests(found, edits), as_json=as_json)


@application.command()
def edit(
    tag: Annotated[str, typer.Argument(help="A tag, as interests shows it.")],
    weight: Annotated[
        float | None, typer.Option(help="From -10, far less of it, to 10; 0 undoes it.")
    ] = None,
    mute: Annotated[
        bool | None, typer.Option("--mute/--no-mute", help="None of it at all, or again.")
    ] = None,
    device: Folder = None,
    as_json: Json = False,
) -> None:
    """Say how much of a tag you want; recommendations obey."""
    with open_device(device) as opened:
        changed = opened.edit_interest(tag, weight=weight, mute=mute)
    show(changed, tables.edits([changed]), as_json=as_json)


@application.command()
def predict(
    text: Annotated[str, typer.Argument(help="Any text.")],
    device: Folder = None,
    as_json: Json = False,
) -> None:
    """How much a text would interest you, on the scale of recommend's scores."""
    with open_device(device) as opened:
        score = opened.predict(text)
    show({"score": score}, f"{score:+.3f}", as_json=as_json)


@application.command()
def health(device: Folder = None, as_json: Json = False) -> None:
    """How many events are kept, and what was cleaned or refused."""
    with open_device(device) as opened:
        found = opened.health()
    show(found, tables.health(found), as_json=as_json)


@application.command()
def privacy(device: Folder = None, as_json: Json = False) -> None:
    """What has left this device, what may still leave, and what you agreed to."""
    with open_device(device) as opened:
        report, receipts = opened.privacy(), opened.consents()
    show(
        {"report": report, "consents": receipts},
        tables.privacy(report, receipts),
        as_json=as_json,
    )


@application.command()
def consent(
    purpose: Annotated[
        PurposeName | None, typer.Argument(help="What it is about; without, all are listed.")
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="You have read the words.")] = False,
    device: Folder = None,
    as_json: Json = False,
) -> None:
    """Agree that something leaves this device, or take it back. Nothing leaves without."""
    with open_device(device) as opened:
        if purpose is not None:
            chosen = Purpose[purpose.name]
            if revoke:
                opened.revoke(chosen)
            else:
                typer.echo(terms_of(chosen).text, err=True)
                if not yes:
                    typer.confirm("Do you agree?", abort=True)
                opened.consent(chosen)
        receipts = opened.consents()
    show(receipts, tables.receipts(receipts), as_json=as_json)


@application.command()
def forget(
    event: Annotated[int | None, typer.Option(help="One event, by its number.")] = None,
    item: Annotated[str | None, typer.Option(help="All events on an item.")] = None,
    tag: Annotated[str | None, typer.Option(help="All events of a tag.")] = None,
    before: Annotated[int | None, typer.Option(help="All events before, unix seconds.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All of it, and destroy the keys.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    device: Folder = None,
    as_json: Json = False,
) -> None:
    """Forget what you did, as if it had never been. The privacy ledger alone stays."""
    with open_device(device) as opened:
        if everything and not yes:
            typer.confirm("Forget everything that this device knows of you?", abort=True)
        gone = opened.forget(event=event, item=item, tag=tag, before=before, everything=everything)
    show(gone, tables.forgotten(gone), as_json=as_json)


@application.command()
def export(
    out: Annotated[Path | None, typer.Option(help="New file (default: standard output).")] = None,
    device: Folder = None,
) -> None:
    """Everything that the device holds about you, as JSON. It is not encrypted any more."""
    with open_device(device) as opened:
        content = json.dumps(opened.export(), ensure_ascii=False, indent=2)
    if out is None:
        typer.echo(content)
        return
    if out.exists():
        raise ConfigurationError(f"{out} exists; choose another file")
    write_atomically(out, content.encode(), mode=0o600)


@application.command()
def keys(
    keys: Annotated[KeyChoice, typer.Option(help="What they are wrapped with from now on.")],
    key_file: Annotated[
        Path | None, typer.Option(help="Where, with --keys file: not in the device's folder.")
    ] = None,
    device: Folder = None,
) -> None:
    """Lock the device with other keys, such as another passphrase; nothing is lost."""
    folder = device_folder(device)
    home = Home.read(folder)
    changed = home.model_copy(update={"keys": keys, "key_file": key_file and key_file.resolve()})
    home.change_keys(folder, changed, ask_old=ask_passphrase, ask_new=ask_other_passphrase)
    typer.echo(f"the device in {folder} is locked with other keys")


def device_folder(given: Path | None) -> Path:
    """Return the device's folder: the one given, or that in the person's data folder."""
    return (given or user_data_path("penchant", appauthor=False) / "device").absolute()


@contextmanager
def _removed_on_failure(made: Path) -> Iterator[None]:
    """Remove ``made`` if it was not there before and what is done within fails."""
    was_there = made.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            shutil.rmtree(made, ignore_errors=True)
        raise
