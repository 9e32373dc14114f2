"""A device that is open and takes part in a server's rounds while its app uses it."""

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from penchant.client.join.enrolment import enrol
from penchant.client.join.membership import Membership, MembershipFolder
from penchant.client.join.runtime import Progress, Runtime
from penchant.shared.enrolment import EnrolmentCode
from penchant.shared.errors import ConfigurationError

if TYPE_CHECKING:
    from penchant.client.device import Device
    from penchant.client.storage import DeviceFolder, KeySource
    from penchant.shared.scoring import Scorer

__all__ = ["Joined", "join_server", "membership_of"]


class Joined:
    """A device's taking part; leaving its ``with`` block ends it.

    Args:
        runtime: started.
        membership: at which server.
    """

    def __init__(self, runtime: Runtime, membership: Membership) -> None:
        self._runtime = runtime
        self._membership = membership
        # The thread would die in the middle of a round with the interpreter.
        atexit.register(self.stop)

    @property
    def server(self) -> str:
        """The server's address."""
        return self._membership.server.url

    @property
    def node(self) -> int:
        """The device's number there."""
        return self._membership.server.node

    @property
    def progress(self) -> Progress:
        """What the device does, and has done since it joined."""
        return self._runtime.progress

    @property
    def running(self) -> bool:
        """Whether it still takes part: not stopped, not shut out by the server."""
        return self._runtime.running

    def stop(self) -> None:
        """End taking part, and wait until it has ended: a round that is computed is let finish.

        Doing it again does nothing.
        """
        self._runtime.stop()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def join_server(
    device: "Device",
    home: "DeviceFolder",
    server: str,
    *,
    code: str | None,
    on_change: Callable[[Progress], None],
) -> Joined:
    """Let an open device take part in a server's rounds; see ``Device.join``."""
    membership = membership_of(home.path, server, code=code, keys=home.keys)

    @contextmanager
    def lent(scorer: "Scorer") -> Iterator["Device"]:
        if device.scorer is not scorer:
            device.install(scorer)
        yield device

    runtime = Runtime(home.path, membership, lent, on_change=on_change)
    runtime.start()
    return Joined(runtime, membership)


def membership_of(folder: Path, server: str, *, code: str | None, keys: "KeySource") -> Membership:
    """Return the membership of the device in ``folder``, enrolled now if it has joined no server.

    Args:
        folder: the device's.
        server: its address, or an invitation: address and code with ``#`` between.
        code: as ``penchant server enroll`` printed it.
        keys: what locks the device.

    Raises:
        ConfigurationError: it has joined another server, or none and there is no code.
        RemoteError: the server cannot be reached, is not the code's, or refuses the code.
    """
    address, _, invited = server.partition("#")
    kept = MembershipFolder(folder, keys)
    found = kept.load()
    if found is not None:
        kept.require_no_other(address.rstrip("/"))
        return found
    given = code or invited
    if not given:
        raise ConfigurationError(
            f"{folder} has joined no server yet; give the code that 'penchant server enroll' "
            "printed for it"
        )
    return enrol(folder, address, EnrolmentCode.parse(given), keys=keys)
