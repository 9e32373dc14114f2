"""The runtime of a joined device: it waits for tasks, trains, answers and installs releases."""

import logging
import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flwr.app import Context

from penchant.client.app import client_app
from penchant.client.device import Device
from penchant.client.join.comparison import serves_worse
from penchant.client.join.connection import (
    NotAdmittedError,
    ServerConnection,
    UnreachableError,
    retry_seconds,
)
from penchant.client.join.flower_adapter import AnsweredMessage, answer
from penchant.client.join.looks import Looks
from penchant.client.join.membership import Membership, releases_folder
from penchant.client.join.releases import Installed, Release
from penchant.shared.errors import CodecError, ReleaseError, RemoteError, StoreError
from penchant.shared.releases import load_signing_key
from penchant.shared.scoring import Scorer

__all__ = ["OpenDevice", "Progress", "Runtime"]

LOG = logging.getLogger("penchant.join")
OpenDevice = Callable[[Scorer], AbstractContextManager[Device]]
PULL, PUSH = "/v1/fleet/pull", "/v1/fleet/push"
WAIT_SECONDS = 240
LARGEST_TASK = 65 * 2**20  # the numbers of the largest rankers, and some framing
LOOK_SECONDS = 30.0  # between two looks at whether this device may take part
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
PUSH_TRIES = 5
OK, REPEATED = 200, 409


@dataclass(frozen=True)
class Progress:
    """What a joined device has done since it began.

    Attributes:
        doing: what it does now, in words.
        rounds: updates that the server took.
        refused: tasks that it did not train, or replies that the server did not take.
        release: version of the ranker in use, None before the first.
        problem: what went wrong last, None if nothing did.
    """

    doing: str = "starting"
    rounds: int = 0
    refused: int = 0
    release: int | None = None
    problem: str | None = None


class Runtime:
    """Takes part in one server's rounds until it is told to stop.

    The device is opened when it has something to do and closed again, so that other programs can
    use it in between; or ``open_device`` lends one that is open.

    Args:
        folder: the device's folder.
        membership: the server and the device's key.
        open_device: opens the device with a ranker.
        on_change: told what it does, whenever that changes.
        on_release: told each release that it installs.
        wait_seconds: how long a request for a task may wait at the server.
        looks: when to look for releases.
    """

    def __init__(
        self,
        folder: Path,
        membership: Membership,
        open_device: OpenDevice,
        *,
        on_change: Callable[[Progress], None] = lambda _now: None,
        on_release: Callable[[Release], None] = lambda _release: None,
        wait_seconds: int = WAIT_SECONDS,
        looks: Looks | None = None,
    ) -> None:
        self._membership = membership
        self._open_device = open_device
        self._on_change = on_change
        self._on_release = on_release
        self._wait_seconds = wait_seconds
        self._stopping = threading.Event()
        self._connection: ServerConnection | None = None
        self._thread: threading.Thread | None = None
        self._installed = Installed(
            releases_folder(folder), load_signing_key(membership.server.signing_key)
        )
        self._release: Release | None = None
        self._looks = looks or Looks()
        self._app = client_app(self._opened)
        self.progress = Progress()

    def start(self) -> None:
        """Run in a thread of its own, until ``stop``."""
        self._thread = threading.Thread(target=self._run_quietly, name="penchant-join", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End ``run`` soon, and wait for the end of what ``start`` began; from any thread."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def running(self) -> bool:
        """Whether the thread that ``start`` began still runs."""
        return self._thread is not None and self._thread.is_alive()

    def run(self) -> None:
        """Take part until ``stop``.

        Raises:
            NotAdmittedError: the server does not know this device any more.
        """
        try:
            self._release = self._installed.current()
        except ReleaseError as error:
            self._note(str(error))
        if self._release is not None:
            self._tell(release=self._release.version)
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                with self._connected() as connection:
                    while not self._stopping.is_set():
                        self._take_turn(connection)
                        pause = FIRST_PAUSE
            except NotAdmittedError:
                if not self._stopping.is_set():
                    raise
            except (RemoteError, ReleaseError, CodecError, StoreError) as error:
                self._note(str(error))
                self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        self._tell(doing="stopped")

    def _run_quietly(self) -> None:
        try:
            self.run()
        except NotAdmittedError as error:
            self._note(str(error))
            self._tell(doing="shut out by the server")
        except Exception as error:  # a thread that ended without a word would be missed by nobody
            LOG.exception("taking part has ended")
            self._note(str(error))
            self._tell(doing="stopped by an error")

    def _take_turn(self, connection: ServerConnection) -> None:
        """Install what is new, then wait for a task and answer it."""
        if self._looks.left() == 0:
            self._looked(connection)
        reason = self._why_not_now()
        if reason is not None:
            self._tell(doing=reason)
            self._rest(LOOK_SECONDS)
            return
        self._tell(doing="waiting for a task")
        wait = min(self._wait_seconds, math.ceil(self._looks.left()))
        found = connection.post(f"{PULL}?wait={wait}", patience=float(wait), largest=LARGEST_TASK)
        if found.status_code == OK:
            try:
                self._answer(connection, found.content)
            finally:
                self._looks.answered()
        elif found.is_success:
            self._rest(retry_seconds(found))
        elif not found.is_success:
            raise RemoteError(f"the server answered {found.status_code} when asked for a task")

    def _answer(self, connection: ServerConnection, task: bytes) -> None:
        self._tell(doing="training")
        try:
            answered = answer(task, self._app, node=self._membership.server.node)
            # It may be for a ranker that was published since the last look.
            if answered.refusal is not None and self._looked(connection):
                answered = answer(task, self._app, node=self._membership.server.node)
        except CodecError:
            self._tell(refused=self.progress.refused + 1)
            raise
        self._tell(doing="sending")
        taken = self._push(connection, answered)
        if answered.refusal is None and taken:
            self._tell(rounds=self.progress.rounds + 1)
            return
        self._tell(refused=self.progress.refused + 1)
        if answered.refusal is not None:
            self._note(f"a task was not answered: {answered.refusal}; the log says why")

    def _push(self, connection: ServerConnection, answered: AnsweredMessage) -> bool:
        """Send a reply, again if need be: the same reply never counts twice."""
        pause = FIRST_PAUSE
        for tries_left in reversed(range(PUSH_TRIES)):
            try:
                told = connection.post(PUSH, answered.data)
            except UnreachableError:
                if tries_left == 0 or self._stopping.is_set():
                    raise
                self._rest(pause)
                pause *= 2
                continue
            if told.status_code == REPEATED:
                return bool(told.json().get("delivery") == "duplicate")
            return told.is_success
        return False

    def _looked(self, connection: ServerConnection) -> bool:
        """Look for a newer release and install it; return whether one is there."""
        found = False
        try:
            found = self._update(connection)
        except ReleaseError as error:
            if self._release is None:
                raise
            self._note(str(error))  # the one in use stays, and a task in hand is answered
        self._looks.looked(found=found)
        return found

    def _update(self, connection: ServerConnection) -> bool:
        """Install a newer release that serves this person no worse; return whether one is there."""
        release = self._installed.fetch(connection, known=self._release)
        if release is None:
            return False
        if self._is_worse(release):
            self._installed.decline(release)
            self._note(
                f"release {release.version} foretells this person's doings worse than the one in "
                "use; it was not installed"
            )
            return True
        before, ranker = self._release, release.scorer.ranker
        if before is not None and before.scorer.ranker.model_id != ranker.model_id:
            # Only with both at hand can be kept what the person did with items that leave.
            with self._open_device(before.scorer) as device:
                device.install(release.scorer)
        self._installed.adopt(release)
        self._release = release
        self._on_release(release)
        self._tell(release=release.version)
        return True

    def _is_worse(self, release: Release) -> bool:
        if self._release is None:
            return False
        with self._open_device(self._release.scorer) as device:
            return serves_worse(device, self._release.scorer, release.scorer)

    def _why_not_now(self) -> str | None:
        if self._release is None:
            return "waiting for the server's first release"
        with self._open_device(self._release.scorer) as device:
            eligibility = device.eligibility()
        unmet = [f"{one.name}: {one.reason}" for one in eligibility.conditions if not one.met]
        return f"taking no part: {'; '.join(unmet)}" if unmet else None

    @contextmanager
    def _opened(self, context: Context) -> Iterator[Device]:  # noqa: ARG002 - Flower's signature
        if self._release is None:
            raise ReleaseError("no release is installed; one is needed to train")
        with self._open_device(self._release.scorer) as device:
            yield device

    @contextmanager
    def _connected(self) -> Iterator[ServerConnection]:
        with ServerConnection(self._membership) as connection:
            self._connection = connection
            try:
                yield connection
            finally:
                self._connection = None

    def _rest(self, seconds: float) -> None:
        """Sleep, by chance up to half as long again: devices must not all come at once."""
        self._stopping.wait(seconds * (1.0 + 0.5 * random.random()))

    def _note(self, problem: str) -> None:
        if not self._stopping.is_set():
            LOG.info("%s", problem)
            self._tell(problem=problem)

    def _tell(self, **changes: object) -> None:
        after = replace(self.progress, **changes)  # type: ignore[arg-type]
        if after != self.progress:
            self.progress = after
            self._on_change(after)
