"""How many devices a server takes: a round of many, its memory, and what waiting devices cost.

A real server in a process of its own, and devices in another: each with its own key, its own TLS
connection and signed requests; their updates are made up, so that what is timed is the server and
the way to it. Both processes share this machine's cores.

    python benchmarks/server.py [--devices 100 1000] [--numbers 5000] [--rounds 3] [--json FILE]
"""

import argparse
import asyncio
import json
import platform
import random
import re
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import httpx
import numpy as np
import tomli_w
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.clientapp import ClientApp

from penchant.client.join.connection import retry_seconds
from penchant.client.join.flower_adapter import answer
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.shared import flower
from penchant.shared.catalogue import Catalogue
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import LearningRates, TrainingResult
from penchant.shared.requests import public_key_text, sign_request

DIMENSION, FEATURES = 16, 32
STARTING_SECONDS = 20.0  # devices are not switched on at one moment
SETTLING_SECONDS = 30.0  # devices that are not held have come once more by then
SERVE = "from penchant.shared.command_line import main; main()"
RATES = dict.fromkeys(LearningRates.model_fields, 1.0)


def prepare(path: Path, *, devices: int, numbers: int, rounds: int) -> ServerFolder:
    """Return the folder of a server whose rankers have so many numbers."""
    training = {"steps": 1, "examples": 1, "negatives": 1, "rates": RATES, "clipping_norm": 1.0}
    configuration = {
        "network": {"host": "127.0.0.1", "port": 0, "operator_port": 0},
        "pace": {"interval": 5.0, "minimum_devices": devices},
        "rounds": {
            "rounds": rounds,
            "population": devices,
            "sampling_probability": 1.0,
            "reply_timeout": 600.0,
            "training": training,
            "optimiser": {"name": "fedavg", "rates": RATES},
        },
    }
    path.mkdir()
    folder = ServerFolder(path)
    folder.configuration_path.write_text(tomli_w.dumps(configuration))
    folder.prepare()
    items = numbers - DIMENSION * FEATURES
    embeddings = np.random.default_rng(0).standard_normal((items, 64)).astype(np.float32)
    publish_embedded(
        Shelf(folder.releases, load_private_signing_key(folder.signing_key)),
        Catalogue.of([str(number) for number in range(items)], embeddings),
        encoder="benchmark",
        settings=PublicationSettings(dimension=DIMENSION, features=FEATURES),
    )
    return folder


class Server:
    """A server in a process of its own.

    Args:
        folder: its folder.
        log: what it says goes here; into its folder, if not given.
    """

    def __init__(self, folder: ServerFolder, *, log: Path | None = None) -> None:
        self._log = folder.path / "log" if log is None else log
        with self._log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, "serve", "--dir", str(folder.path)],
                stdout=file,
                stderr=file,
            )
        while not (found := re.search(r'"port": (\d+), "operator_port": (\d+)', self.said())):
            if self.process.poll() is not None:
                raise RuntimeError(self.said())
            time.sleep(0.1)
        self.port, self.operator_port = (int(port) for port in found.groups())

    def said(self) -> str:
        """All that it has said."""
        return self._log.read_text()

    def status(self) -> dict:
        """What its page shows."""
        address = f"http://127.0.0.1:{self.operator_port}/status.json"
        with urllib.request.urlopen(address, timeout=60) as found:
            return json.load(found)

    def measured(self, name: str) -> float:
        """A figure of /metrics."""
        address = f"http://127.0.0.1:{self.operator_port}/metrics"
        with urllib.request.urlopen(address, timeout=60) as found:
            text = found.read().decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Swarm:
    """Devices that wait for tasks and answer with made-up updates."""

    def __init__(self, folder: ServerFolder, *, port: int, devices: int, numbers: int) -> None:
        self._keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(devices)]
        with closing(FleetState(folder.fleet)) as state:
            self._nodes = [
                state.register(public_key_text(key.public_key()), label=str(number))
                for number, key in enumerate(self._keys)
            ]
        authority = folder.authority(folder.configuration())
        self._context = ssl.create_default_context(cadata=authority)
        self._url = f"https://127.0.0.1:{port}"
        update = np.random.default_rng(1).standard_normal(numbers).astype(np.float32)
        update *= 0.9 / np.linalg.norm(update)
        self._app = ClientApp()

        @self._app.train()
        def train(message: Message, _context: object) -> Message:
            task = decode_task(flower.unpack(message.content), size=numbers)
            result = TrainingResult(task.model_id, task.round_number, update)
            return Message(flower.pack(encode_result(result)), reply_to=message)

    async def run(self, *, wait: int) -> None:
        """Take part until cancelled."""
        async with asyncio.TaskGroup() as group:
            for key, node in zip(self._keys, self._nodes, strict=True):
                group.create_task(self._take_part(key, node, wait=wait))

    async def _take_part(self, key: ec.EllipticCurvePrivateKey, node: int, *, wait: int) -> None:
        await asyncio.sleep(STARTING_SECONDS * random.random())
        # A client each: one client's pool looks through all its connections at every request.
        async with httpx.AsyncClient(
            base_url=self._url, verify=self._context, timeout=600, trust_env=False
        ) as client:
            await self._device(client, key, node, wait=wait)

    async def _device(
        self, client: httpx.AsyncClient, key: ec.EllipticCurvePrivateKey, node: int, *, wait: int
    ) -> None:
        while True:
            found = await self._post(client, key, f"/v1/fleet/pull?wait={wait}", b"")
            if found.status_code == 200:
                reply = answer(found.content, self._app, node=node).data
                told = await self._post(client, key, "/v1/fleet/push", reply)
                if told.status_code != 200:
                    raise RuntimeError(f"a reply was answered {told.status_code}")
            elif seconds := retry_seconds(found):
                await asyncio.sleep(seconds * (1.0 + 0.5 * random.random()))

    async def _post(
        self, client: httpx.AsyncClient, key: ec.EllipticCurvePrivateKey, path: str, body: bytes
    ) -> httpx.Response:
        signature = sign_request(key, method="POST", path=path, body=body, time=int(time.time()))
        return await client.post(path, content=body, headers=signature.headers())


async def measure(devices: int, *, numbers: int, rounds: int, idle: int) -> dict[str, float]:
    """Return the figures of rounds of so many devices, and of their waiting afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = prepare(Path(scratch) / "server", devices=devices, numbers=numbers, rounds=rounds)
        server = Server(folder)
        swarm = Swarm(folder, port=server.port, devices=devices, numbers=numbers)
        started = server.measured("process_cpu_seconds_total"), time.process_time()
        running = asyncio.create_task(swarm.run(wait=idle))
        try:
            memory = 0.0
            while True:
                await asyncio.sleep(0.5)
                if running.done():
                    await running
                memory = max(
                    memory,
                    await asyncio.to_thread(server.measured, "process_resident_memory_bytes"),
                )
                now = await asyncio.to_thread(server.status)
                if now["standing"]["round_number"] == rounds:
                    break
            done = now["rounds"]
            if any(found["accepted"] != devices for found in done):
                raise RuntimeError("an update did not count")
            server_cpu = await asyncio.to_thread(server.measured, "process_cpu_seconds_total")
            server_cpu, swarm_cpu = server_cpu - started[0], time.process_time() - started[1]
            await asyncio.sleep(SETTLING_SECONDS)
            before = await asyncio.to_thread(server.measured, "process_cpu_seconds_total")
            start = time.perf_counter()
            await asyncio.sleep(idle)
            after = await asyncio.to_thread(server.measured, "process_cpu_seconds_total")
            if running.done():
                await running
                raise RuntimeError("the devices have gone")
            busy = (after - before) / (time.perf_counter() - start)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            server.stop()
    seconds = [found["finished"] - found["started"] for found in done]
    return {
        f"round_seconds_{devices}": statistics.median(seconds),
        f"first_round_seconds_{devices}": seconds[0],
        f"server_cpu_seconds_{devices}": server_cpu / rounds,
        f"devices_cpu_seconds_{devices}": swarm_cpu / rounds,
        f"server_megabytes_{devices}": memory / 1e6,
        f"idle_core_share_{devices}": busy,
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--numbers", type=int, default=5000, help="shared numbers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=60, help="seconds that a request waits")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, ",
        end="",
    )
    print(f"flwr {version('flwr')}, {given.numbers:,} shared numbers, {given.rounds} rounds")
    figures: dict[str, float] = {}
    print("CPU seconds are those of a round, the devices' connecting spread over the rounds")
    print("devices  s/round  server CPU s  devices' CPU s    peak MB  idle, of a core")
    for devices in given.devices:
        found = asyncio.run(
            measure(devices, numbers=given.numbers, rounds=given.rounds, idle=given.idle)
        )
        figures |= found
        seconds = found[f"round_seconds_{devices}"]
        print(
            f"{devices:>7,} {seconds:>8.1f} {found[f'server_cpu_seconds_{devices}']:>13.1f} "
            f"{found[f'devices_cpu_seconds_{devices}']:>15.1f} "
            f"{found[f'server_megabytes_{devices}']:>10.0f} "
            f"{found[f'idle_core_share_{devices}']:>16.1%}"
        )
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
