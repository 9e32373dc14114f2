"""A real server in a process of its own, and devices that reach it over TLS."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from flwr.app import Message
from flwr.clientapp import ClientApp

from penchant.client.join import Membership, enrol
from penchant.client.join.connection import ServerConnection
from penchant.client.join.flower_adapter import answer
from penchant.client.storage import RawKey
from penchant.server.enrolment.codes import make_code
from penchant.server.operations.records import Records
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.shared import flower
from penchant.shared.catalogue import Catalogue
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.command_line import main
from penchant.shared.contract import TrainingResult
from penchant.shared.enrolment import EnrolmentCode
from penchant.shared.ranker import Ranker

PATIENCE = 600.0
RATES = {
    "private_vector": 0.0,
    "item_projection": 1.0,
    "context_projection": 1.0,
    "attention": 0.0,
    "popularity": 1.0,
    "item_residual": 0.0,
}


def make_rounds(**changes: Any) -> dict[str, Any]:
    """Return settings of rounds, some of them changed."""
    training = {"steps": 1, "examples": 4, "negatives": 4, "rates": RATES, "clipping_norm": 1.0}
    fields: dict[str, Any] = {
        "rounds": 5,
        "population": 8,
        "sampling_probability": 1.0,
        "minimum_cohort": 1,
        "noise_multiplier": 0.0,
        "reply_timeout": 600.0,
        "training": training,
        "optimiser": {"name": "fedavg", "rates": RATES},
    }
    return fields | changes


@dataclass
class LiveServer:
    """A server's folder and, while it runs, its process.

    Attributes:
        folder: its folder.
        seed: of its draws; None for the operating system's.
    """

    folder: ServerFolder
    seed: int | None = None
    process: "subprocess.Popen[str] | None" = None
    said: Path = field(default=Path())
    port: int = 0
    operator_port: int = 0

    @property
    def url(self) -> str:
        """Where devices reach it."""
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, str(Path(__file__).parent / "live_server.py")]
        command += [str(self.folder.path), "" if self.seed is None else str(self.seed)]
        self.said = self.folder.path.parent / "server.log"
        before = len(self.text())
        with self.said.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        self.wait_for(lambda: '"listening"' in self.text()[before:])
        found = re.findall(r'"port": (\d+), "operator_port": (\d+)', self.text())[-1]
        self.port, self.operator_port = int(found[0]), int(found[1])

    def text(self) -> str:
        """All that it has said."""
        return self.said.read_text() if self.said.is_file() else ""

    def status(self) -> dict[str, Any]:
        """What its page shows."""
        address = f"http://127.0.0.1:{self.operator_port}/status.json"
        with urllib.request.urlopen(address, timeout=30) as found:
            return dict(json.load(found))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so; fail with what the server said if it never is."""
        end = time.monotonic() + PATIENCE
        while not condition():
            running = self.process is None or self.process.poll() is None
            if time.monotonic() > end or not running:
                raise AssertionError(f"waited in vain; the server said:\n{self.text()}")
            time.sleep(0.05)

    def wait_for_rounds(self, count: int) -> None:
        """Wait until so many rounds are finished and nothing runs."""
        self.wait_for(lambda: self.status()["standing"]["round_number"] >= count)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def code(self) -> EnrolmentCode:
        """A new enrolment code."""
        fingerprint = self.folder.fingerprint(self.folder.configuration())
        with closing(Records(self.folder.records)) as records:
            return make_code(records, fingerprint=fingerprint, label="test", valid_seconds=600)

    def shelf(self) -> Shelf:
        """Its releases."""
        return Shelf(self.folder.releases, load_private_signing_key(self.folder.signing_key))

    def ranker(self) -> Ranker:
        """Its latest ranker."""
        found = self.shelf().ranker()
        assert found is not None
        return found[1]

    def enrol(self, folder: Path) -> Membership:
        """Enrol a device."""
        return enrol(folder, self.url, self.code(), keys=RawKey(bytes(32)))


MakeServer = Callable[..., LiveServer]


@pytest.fixture(scope="module")
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServer]:
    """Prepare a server that listens on free ports, with a small catalogue unless told not to."""
    made: list[LiveServer] = []

    def make(
        *,
        rounds: dict[str, Any] | None = None,
        pace: dict[str, Any] | None = None,
        seed: int | None = None,
        catalogue: bool = True,
        **sections: dict[str, Any],
    ) -> LiveServer:
        folder = ServerFolder(tmp_path_factory.mktemp("live") / "server")
        folder.path.mkdir()
        fields = {
            "network": {"host": "127.0.0.1", "port": 0, "operator_port": 0, "longest_wait": 30.0},
            "pace": {"interval": 0.0, "minimum_devices": 1} | (pace or {}),
            "rounds": make_rounds(**(rounds or {})),
            **sections,
        }
        folder.configuration_path.write_bytes(tomli_w.dumps(fields).encode())
        folder.prepare()
        server = LiveServer(folder, seed)
        made.append(server)
        if catalogue:
            embeddings = np.random.default_rng(0).standard_normal((12, 8)).astype(np.float32)
            items = Catalogue.of([f"item-{number}" for number in range(12)], embeddings)
            settings = PublicationSettings(dimension=2, features=4, history_length=3)
            publish_embedded(server.shelf(), items, encoder="test", settings=settings)
        return server

    yield make
    for server in made:
        if server.process is not None:
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()


class LightDevice:
    """A device that answers tasks with made-up updates: the same for the same device and round.

    Args:
        membership: the server and its key.
        size: how many numbers an update has.
        number: which device this is.
    """

    def __init__(self, membership: Membership, *, size: int, number: int) -> None:
        self.node = membership.server.node
        self.connection = ServerConnection(membership)
        self.scale = 1.0
        self.garbled = False
        self._membership = membership
        self._size = size
        self._number = number

    def connection_to(self, port: int) -> ServerConnection:
        """A connection to the same server on another port."""
        self.connection.close()
        server = self._membership.server.model_copy(update={"url": f"https://127.0.0.1:{port}"})
        return ServerConnection(Membership(server, self._membership.key))

    def pull(self, *, wait: int = 20) -> bytes | None:
        """Fetch a task, None if none came."""
        found = self.connection.post(f"/v1/fleet/pull?wait={wait}", patience=wait)
        return found.content if found.status_code == 200 else None

    def task(self) -> bytes:
        """Fetch a task that must come, however slow the machine is."""
        end = time.monotonic() + PATIENCE
        while (task := self.pull()) is None:
            assert time.monotonic() < end, "no task came"
        return task

    def reply(self, task: bytes) -> bytes:
        """What this device answers."""
        app = ClientApp()

        @app.train()
        def train(message: Message, _context: object) -> Message:
            asked = decode_task(flower.unpack(message.content), size=self._size)
            rng = np.random.default_rng([self._number, asked.round_number])
            update = 0.1 * rng.standard_normal(self._size).astype(np.float32)
            update *= self.scale / max(1.0, float(np.linalg.norm(update)))
            result = TrainingResult(asked.model_id, asked.round_number, update)
            data = b"garbage" if self.garbled else encode_result(result)
            return Message(flower.pack(data), reply_to=message)

        return answer(task, app, node=self.node).data

    def push(self, reply: bytes) -> str:
        """Send a reply; return what became of it."""
        return str(self.connection.post("/v1/fleet/push", reply).json()["delivery"])

    def take_part(self) -> str | None:
        """Answer the next task, if one comes; return what became of the reply."""
        task = self.pull(wait=3)
        return None if task is None else self.push(self.reply(task))


@pytest.fixture(scope="module")
def light_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LightDevice]]:
    """Enrol light devices."""
    made: list[LightDevice] = []

    def make(server: LiveServer) -> LightDevice:
        number = len(made)
        membership = server.enrol(tmp_path_factory.mktemp("device"))
        device = LightDevice(membership, size=server.ranker().settings.size, number=number)
        made.append(device)
        return device

    yield make
    for device in made:
        device.connection.close()


@pytest.fixture
def command() -> Callable[..., str]:
    """Run a penchant command that must succeed; return what it printed."""

    def run(*arguments: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        return printed.getvalue()

    return run
