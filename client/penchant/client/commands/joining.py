"""The ``penchant join`` command."""

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.shared.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from penchant.client.device import Device
    from penchant.client.home import Home
    from penchant.client.join import Progress
    from penchant.client.storage import KeySource
    from penchant.shared.scoring import Scorer

__all__ = ["join"]


def join(
    server: Annotated[
        str,
        typer.Argument(help="The server's address: https://HOST:PORT, or https://HOST:PORT#CODE."),
    ],
    device: Annotated[
        Path | None,
        typer.Option(envvar="PENCHANT_DEVICE", help="The device's folder (default: yours)."),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="One-time code of the server; needed the first time only.")
    ] = None,
    agree: Annotated[
        bool, typer.Option("--agree", help="Agree to the terms without being asked.")
    ] = False,
    lab: Annotated[
        bool,
        typer.Option(
            "--lab",
            help="For trials with made-up people: no separation of rounds, no idle conditions, and "
            "a ledger that counts but does not refuse.",
        ),
    ] = False,
) -> None:
    """Take part in a server's rounds, until interrupted.

    The device comes from 'penchant device init'. It trains with what it was given to observe, and
    only with its person's consent and within its privacy budget.
    """
    try:
        from penchant.client.join import Runtime
        from penchant.client.join.joined import membership_of
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", "penchant join") from error
    from penchant.client.commands.device import device_folder
    from penchant.client.commands.passphrases import ask_passphrase
    from penchant.client.home import Home

    folder = device_folder(device)
    home = Home.read(folder)
    keys = home.key_source(ask_passphrase)
    open_device = _opener(folder, home, keys, lab=lab)
    logging.getLogger("flwr").setLevel(logging.ERROR)
    if lab:
        typer.echo("LAB POLICY IN FORCE: for trials with made-up people only", err=True)
    _ask_consent(open_device, agree=agree)
    membership = membership_of(folder, server, code=code, keys=keys)
    typer.echo(f"joined {membership.server.url} as device {membership.server.node}")
    runtime = Runtime(
        folder,
        membership,
        open_device,
        on_change=_Teller(lab=lab).tell,
        on_release=lambda release: Home.read(folder).use_release(
            folder, release.scorer.ranker, release.items
        ),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runtime.stop())
    runtime.run()


def _opener(
    folder: Path, home: "Home", keys: "KeySource", *, lab: bool
) -> "Callable[[Scorer | None], Device]":
    """Return what opens the device, with a ranker or with the one it has."""
    from penchant.client import LAB, DeviceSettings
    from penchant.client.commands.passphrases import ask_passphrase

    settings = DeviceSettings(participation=LAB) if lab else DeviceSettings()

    def open_device(scorer: "Scorer | None" = None) -> "Device":
        return home.open(
            folder, ask_passphrase=ask_passphrase, settings=settings, scorer=scorer, keys=keys
        )

    return open_device


def _ask_consent(open_device: "Callable[[Scorer | None], Device]", *, agree: bool) -> None:
    """Show the terms of what is not agreed to yet, and write down what the person says.

    Measures are asked about when a device joins anew only: one that takes part already goes on as
    it was agreed, whatever there is to agree to since.

    Raises:
        ConfigurationError: they do not agree that updates may leave.
    """
    from penchant.client import Purpose, terms_of

    with open_device(None) as device:
        held = {receipt.purpose for receipt in device.consents() if receipt.holds}
        asked = [purpose for purpose in Purpose if purpose not in held]
        if Purpose.TRAIN_RANKER in held and Purpose.MEASURE_RANKER in asked:
            asked.remove(Purpose.MEASURE_RANKER)
        for purpose in asked:
            terms = terms_of(purpose)
            typer.echo(f"{terms.text}\n")
            if agree or typer.confirm("Agree?"):
                device.consent(purpose, terms)
            elif purpose is Purpose.TRAIN_RANKER:
                raise ConfigurationError(
                    "without consent this device takes part in nothing; it goes on ranking alone"
                )


class _Teller:
    """Says in lines what a device does."""

    def __init__(self, *, lab: bool) -> None:
        self._mark = "[lab] " if lab else ""
        self._said = ""
        self._problem: str | None = None

    def tell(self, now: "Progress") -> None:
        line = f"{self._mark}{now.doing} ({now.rounds} rounds, release {now.release or 'none'})"
        if line != self._said:
            self._said = line
            typer.echo(line)
        if now.problem != self._problem and now.problem is not None:
            typer.echo(f"{self._mark}{now.problem}", err=True)
        self._problem = now.problem
