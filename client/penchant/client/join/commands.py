"""The ``penchant join`` command."""

import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.shared.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from penchant.client.join import Membership, Participation

__all__ = ["join"]


def join(
    server: Annotated[str, typer.Argument(help="The server's address: https://HOST:PORT.")],
    device: Annotated[Path, typer.Option(help="The device's folder.")],
    code: Annotated[
        str | None, typer.Option(help="One-time code of the server; needed the first time only.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File that locks the device's folder, instead of the OS key store."),
    ] = None,
    lab: Annotated[
        bool,
        typer.Option(
            "--lab",
            help="For trials: no separation between rounds and no idle conditions; still counted.",
        ),
    ] = False,
) -> None:
    """Take part in a server's rounds, until interrupted."""
    try:
        from penchant.client.join import Participant
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", "penchant join") from error
    from penchant.client.join.policies import opener, reason_to_wait
    from penchant.client.storage import KeyFile, OsKeyStore

    keys = OsKeyStore() if key_file is None else KeyFile(key_file)
    membership = _membership(server, device, code)
    if lab:
        typer.echo("LAB POLICY IN FORCE: for trials only, not for people's devices", err=True)
    typer.echo(f"joined {membership.server.url} as device {membership.server.node}")
    logging.getLogger("flwr").setLevel(logging.WARNING)
    participant = Participant(
        device,
        membership,
        opener(device, keys, lab=lab),
        reason_to_wait=reason_to_wait,
        on_change=_Teller(lab=lab).tell,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: participant.stop())
    participant.run()


def _membership(server: str, device: Path, code: str | None) -> "Membership":
    from penchant.client.join import EnrolmentCode, MembershipFolder, enrol

    folder = MembershipFolder(device)
    found = folder.load()
    if found is not None:
        folder.require_no_other(server.rstrip("/"))
        return found
    if code is None:
        raise ConfigurationError(
            f"{device} has joined no server yet; give the --code that 'penchant server enroll' "
            "printed for it"
        )
    return enrol(device, server, EnrolmentCode.parse(code))


class _Teller:
    """Says in lines what a participant does."""

    def __init__(self, *, lab: bool) -> None:
        self._mark = "[lab] " if lab else ""
        self._said = ""
        self._problem: str | None = None

    def tell(self, now: "Participation") -> None:
        line = f"{self._mark}{now.doing}; {now.rounds} rounds, release {now.release or 'none'}"
        if line != self._said:
            self._said = line
            typer.echo(line)
        if now.problem != self._problem and now.problem is not None:
            typer.echo(f"{self._mark}{now.problem}", err=True)
        self._problem = now.problem
