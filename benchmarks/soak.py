"""A bad day of a server: 200 devices, 30 rounds, and everything that goes wrong.

A real server in a process of its own is killed (SIGKILL) five times in the middle of rounds and
runs out of disk once; a fifth of the devices vanish; one joins late; one breaks off its uploads,
one sends a byte at a time, one floods, one sends garbage, one's clock is an hour off. At the end:
every round was finished; no more updates counted than devices were told that theirs was taken; the
ranker has moved by exactly what was counted (noise aside); and epsilon is that of the rounds, as
if nothing had happened.

    python benchmarks/soak.py [--devices 200] [--rounds 30] [--json FILE]

For the full disk it mounts a small tmpfs, which needs root; without, that fault is left out.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import numpy as np
import tomli_w
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.clientapp import ClientApp
from server import RATES, Server

from penchant.client.join.flower_adapter import answer
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.shared import flower
from penchant.shared.accounting import UserMechanism, default_delta
from penchant.shared.catalogue import Catalogue
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import TrainingResult
from penchant.shared.requests import public_key_text, sign_request

NOISE, PROBABILITY, DEADLINE = 2.0, 0.5, 10.0
KILLS, VANISHING = 5, 0.2
DISK_MEGABYTES = 96
PULL, PUSH = "/v1/fleet/pull?wait=20", "/v1/fleet/push"


@contextmanager
def small_disk(path: Path) -> Iterator[bool]:
    """Make ``path`` a small disk of its own, if that is allowed; say whether it is one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def prepare(path: Path, *, devices: int, rounds: int) -> ServerFolder:
    """Return the folder of a server on a port that stays the same."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    training = {"steps": 1, "examples": 1, "negatives": 1, "rates": RATES, "clipping_norm": 1.0}
    configuration = {
        "network": {"host": "127.0.0.1", "port": port, "operator_port": 0, "longest_wait": 20.0},
        "pace": {"interval": 0.0, "minimum_devices": devices},
        "privacy": {"epsilon": 1000.0},
        "rounds": {
            "rounds": rounds,
            "population": devices,
            "sampling_probability": PROBABILITY,
            "noise_multiplier": NOISE,
            "reply_timeout": DEADLINE,
            "training": training,
            "optimiser": {"name": "fedavg", "rates": RATES},
        },
    }
    path.mkdir()
    folder = ServerFolder(path)
    folder.configuration_path.write_text(tomli_w.dumps(configuration))
    folder.prepare()
    embeddings = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)
    publish_embedded(
        Shelf(folder.releases, load_private_signing_key(folder.signing_key)),
        Catalogue.of([str(number) for number in range(500)], embeddings),
        encoder="soak",
        settings=PublicationSettings(dimension=4, features=8),
    )
    return folder


class Fleet:
    """All devices, the bad ones included.

    Args:
        folder: the server's.
        devices: how many there are.

    Attributes:
        taken: for each round, the devices that were told that their update was taken.
    """

    def __init__(self, folder: ServerFolder, *, devices: int) -> None:
        ranker = Shelf(folder.releases, load_private_signing_key(folder.signing_key)).ranker()[1]
        self._size = ranker.settings.size
        direction = np.random.default_rng(1).standard_normal(self._size)
        self.update = (0.9 * direction / np.linalg.norm(direction)).astype(np.float32)
        configuration = folder.configuration()
        self._context = ssl.create_default_context(cadata=folder.authority(configuration))
        self._port = configuration.network.port
        self.taken: dict[int, set[int]] = defaultdict(set)
        keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(devices)]
        with closing(FleetState(folder.fleet)) as state:
            nodes = [
                state.register(public_key_text(key.public_key()), label=str(number))
                for number, key in enumerate(keys)
            ]
        self._members = iter(zip(keys, nodes, strict=True))

    async def live(self, *, kind: str = "good", until: asyncio.Event | None = None) -> None:
        """Be a device, through deaths of the server, until cancelled or ``until`` is set."""
        key, node = next(self._members)
        offset = 3600.0 if kind == "skewed" else 0.0
        url = f"https://127.0.0.1:{self._port}"
        async with httpx.AsyncClient(
            base_url=url, verify=self._context, timeout=60, trust_env=False
        ) as client:
            while until is None or not until.is_set():
                try:
                    found = await self._post(client, key, PULL, b"", offset=offset)
                    if found.status_code == 401 and "date" in found.headers:
                        now = parsedate_to_datetime(found.headers["date"]).timestamp()
                        offset = now - time.time()
                    elif found.status_code == 200:
                        await self._answer(client, key, node, found.content, kind, offset)
                    elif found.status_code != 204:
                        await asyncio.sleep(1)
                    if kind == "flooding":
                        for _ in range(200):
                            await self._post(client, key, PUSH, b"flood", offset=offset)
                except httpx.HTTPError:
                    await asyncio.sleep(0.2 + random.random())

    async def _answer(
        self,
        client: httpx.AsyncClient,
        key: ec.EllipticCurvePrivateKey,
        node: int,
        task: bytes,
        kind: str,
        offset: float,
    ) -> None:
        rounds: list[int] = []
        app = ClientApp()

        @app.train()
        def train(message: Message, _context: object) -> Message:
            asked = decode_task(flower.unpack(message.content), size=self._size)
            rounds.append(asked.round_number)
            result = TrainingResult(asked.model_id, asked.round_number, self.update)
            data = os.urandom(4 * self._size) if kind == "garbage" else encode_result(result)
            return Message(flower.pack(data), reply_to=message)

        reply = answer(task, app, node=node).data
        if kind == "breaking":
            await self._break_off(key, reply)
            return
        if kind == "slow":
            told = await self._post(client, key, PUSH, reply, offset=offset, trickle=True)
        else:
            told = await self._post(client, key, PUSH, reply, offset=offset)
        # A reply sent again by a device that did not hear the answer is not a second one.
        again = await self._post(client, key, PUSH, reply, offset=offset)
        if told.status_code == 200 and kind != "garbage":
            self.taken[rounds[0]].add(node)
        if again.status_code not in (200, 409, 429, 503):
            raise RuntimeError(f"a reply sent again was answered {again.status_code}")

    async def _post(
        self,
        client: httpx.AsyncClient,
        key: ec.EllipticCurvePrivateKey,
        path: str,
        body: bytes,
        *,
        offset: float,
        trickle: bool = False,
    ) -> httpx.Response:
        now = int(time.time() + offset)
        signature = sign_request(key, method="POST", path=path, body=body, time=now)

        async def drops():
            for start in range(0, len(body), 200):
                yield body[start : start + 200]
                await asyncio.sleep(0.2)

        content = drops() if trickle else body
        return await client.post(path, content=content, headers=signature.headers())

    async def _break_off(self, key: ec.EllipticCurvePrivateKey, reply: bytes) -> None:
        """Send half a reply and be gone, as a device that is killed."""
        now = int(time.time())
        signature = sign_request(key, method="POST", path=PUSH, body=reply, time=now)
        lines = [f"POST {PUSH} HTTP/1.1", "host: localhost", f"content-length: {len(reply)}"]
        lines += [f"{name}: {value}" for name, value in signature.headers().items()]
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
            )
            writer.write("\r\n".join([*lines, "", ""]).encode() + reply[: len(reply) // 2])
            await writer.drain()
            writer.transport.abort()


async def fill_disk(folder: Path) -> None:
    """Take all the space there is, and give it back after a while."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    await asyncio.sleep(12)
    filler.unlink()


async def suffer(folder: ServerFolder, *, devices: int, rounds: int, has_disk: bool) -> dict:
    """Run all rounds through all faults; return what is to be checked."""
    server = Server(folder)
    fleet = Fleet(folder, devices=devices)
    vanish = asyncio.Event()
    bad = ["breaking", "slow", "flooding", "garbage", "skewed"]
    vanishing = round(VANISHING * devices)
    people = [fleet.live(kind=kind) for kind in bad]
    people += [fleet.live(until=vanish) for _ in range(vanishing)]
    people += [fleet.live() for _ in range(devices - len(people) - 1)]
    running = [asyncio.create_task(person) for person in people]
    kills = {(place + 1) * rounds // (KILLS + 1) for place in range(KILLS)}
    late, full, gone = rounds // 5, rounds * 2 // 5, rounds // 4
    filling: asyncio.Task | None = None
    try:
        while True:
            await asyncio.sleep(0.3)
            for task in running:
                if task.done():
                    task.result() if task.exception() else running.remove(task)
            now = await asyncio.to_thread(server.status)
            finished = now["standing"]["round_number"]
            if finished >= rounds:
                break
            if finished >= late:
                late = rounds + 1
                running.append(asyncio.create_task(fleet.live()))
            if finished >= gone:
                vanish.set()
            if finished >= full and has_disk and filling is None:
                filling = asyncio.create_task(fill_disk(folder.path))
            disk_is_full = filling is not None and not filling.done()
            if kills and finished >= min(kills) and now["waiting"] < devices and not disk_is_full:
                kills.remove(min(kills))
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
                server = await asyncio.to_thread(Server, folder)
        return {"status": now, "fleet": fleet, "kills_left": len(kills), "filled": filling}
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        server.stop()


def check(found: dict, folder: ServerFolder, *, devices: int, rounds: int) -> dict[str, float]:
    """Raise if anything was lost or counted twice; return figures."""
    status, fleet = found["status"], found["fleet"]
    done = status["rounds"]
    if [one["number"] for one in done] != list(range(1, rounds + 1)):
        raise RuntimeError("a round is missing")
    for one in done:
        if one["accepted"] > len(fleet.taken[one["number"]]):
            raise RuntimeError(f"round {one['number']} counted more updates than were taken")
    mechanism = UserMechanism(devices, PROBABILITY)
    epsilon = mechanism.epsilon(noise_multiplier=NOISE, rounds=rounds, delta=default_delta(devices))
    if abs(status["standing"]["epsilon"] - epsilon) > 1e-6 * epsilon:
        raise RuntimeError(f"epsilon is {status['standing']['epsilon']}, not {epsilon}")
    shelf = Shelf(folder.releases, load_private_signing_key(folder.signing_key))
    start = np.concatenate([np.eye(8, 4).ravel(), np.zeros(500)])
    moved = shelf.ranker()[1].vector - start
    unit = fleet.update / np.linalg.norm(fleet.update)
    accepted = sum(one["accepted"] for one in done)
    expected = 0.9 * accepted / (devices * PROBABILITY)
    spread = NOISE / (devices * PROBABILITY) * np.sqrt(rounds)
    if abs(float(moved @ unit) - expected) > 6 * spread:
        raise RuntimeError(f"the ranker moved by {moved @ unit}; {expected} was counted")
    if found["kills_left"]:
        raise RuntimeError("not every kill took place")
    return {
        "rounds": rounds,
        "accepted": accepted,
        "asked": sum(one["cohort"] for one in done),
        "attempts": sum(one["attempts"] for one in done),
        "epsilon": epsilon,
        "troubles": len(status["troubles"]),
        "disk_was_full": float(found["filled"] is not None),
        **{f"refused {reason}": count for reason, count in status["refusals"].items()},
    }


def main() -> None:
    """Suffer, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    sizes = {"devices": given.devices, "rounds": given.rounds}
    with tempfile.TemporaryDirectory() as scratch, small_disk(Path(scratch)) as has_disk:
        folder = prepare(Path(scratch) / "server", **sizes)
        found = asyncio.run(suffer(folder, has_disk=has_disk, **sizes))
        figures = check(found, folder, **sizes)
    for name, value in figures.items():
        print(f"{name:<30} {value:>10.5g}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
