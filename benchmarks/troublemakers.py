"""The devices of a soak: most are good, and some do everything that a device should not."""

import asyncio
import contextlib
import os
import random
import ssl
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import closing
from email.utils import parsedate_to_datetime

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.clientapp import ClientApp

from penchant.client.join.flower_adapter import answer
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.shared import flower
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import TrainingResult
from penchant.shared.requests import public_key_text, sign_request

# A device that sends part of a request and is then killed.
UPLOADER = """
import socket, ssl, sys, time
context = ssl.create_default_context(cadata=sys.argv[2])
bare = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
with context.wrap_socket(bare, server_hostname="localhost") as connection:
    connection.sendall(sys.stdin.buffer.read())
    print("sent", flush=True)
    time.sleep(60)
"""
PULL, PUSH = "/v1/fleet/pull?wait=20", "/v1/fleet/push"


class Fleet:
    """All devices, the bad ones included.

    Args:
        folder: the server's.
        devices: how many there are.

    Attributes:
        taken: for each round, the devices that were told that their update was taken.
        unheard: for each round, the devices that sent an update and vanished, or lost the server,
            before they were told.
        met: how often each fault of a device took place.
        nodes: the number of each device that is of another kind than good.
    """

    def __init__(self, folder: ServerFolder, *, devices: int) -> None:
        ranker = Shelf(folder.releases, load_private_signing_key(folder.signing_key)).ranker()[1]
        self._size = ranker.settings.size
        direction = np.random.default_rng(1).standard_normal(self._size)
        self.update = (0.9 * direction / np.linalg.norm(direction)).astype(np.float32)
        configuration = folder.configuration()
        self._authority = folder.authority(configuration)
        self._context = ssl.create_default_context(cadata=self._authority)
        self._port = configuration.network.port
        self.taken: dict[int, set[int]] = defaultdict(set)
        self.unheard: dict[int, set[int]] = defaultdict(set)
        self.met: Counter[str] = Counter()
        self.nodes: dict[str, int] = {}
        keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(devices)]
        with closing(FleetState(folder.fleet)) as state:
            nodes = [
                state.register(public_key_text(key.public_key()), label=str(number))
                for number, key in enumerate(keys)
            ]
        self._members = iter(zip(keys, nodes, strict=True))

    async def live(self, *, kind: str = "good") -> None:
        """Be a device, through deaths of the server, until cancelled."""
        key, node = next(self._members)
        self.nodes[kind] = node
        offset = 3600.0 if kind == "skewed" else 0.0
        url = f"https://127.0.0.1:{self._port}"
        async with httpx.AsyncClient(
            base_url=url, verify=self._context, timeout=60, trust_env=False
        ) as client:
            while True:
                try:
                    found = await self._post(client, key, PULL, b"", offset=offset)
                    if found.status_code == 401 and "date" in found.headers:
                        now = parsedate_to_datetime(found.headers["date"]).timestamp()
                        offset = now - time.time()
                        self.met[f"{kind} clock set right"] += 1
                    elif found.status_code == 200:
                        await self._answer(client, key, node, found.content, kind, offset)
                    elif found.status_code != 204:
                        await asyncio.sleep(1)
                    if kind == "flooding":
                        flood = [
                            self._post(client, key, PUSH, b"flood", offset=offset)
                            for _ in range(200)
                        ]
                        for told in await asyncio.gather(*flood):
                            self.met["flooding turned away"] += told.status_code == 429
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
        if kind == "cut off":
            await self._break_off(key, reply)
            return
        if kind != "garbage":
            self.unheard[rounds[0]].add(node)
        if kind == "slow":
            told = await self._post(client, key, PUSH, reply, offset=offset, trickle=True)
        else:
            told = await self._post(client, key, PUSH, reply, offset=offset)
        if told.status_code == 200 and kind != "garbage":
            self.taken[rounds[0]].add(node)
            self.met[f"{kind} taken"] += 1
        if told.status_code == 200 and kind == "garbage":
            self.met["garbage sent"] += 1
        # A reply sent again by a device that did not hear the answer is not a second one.
        again = await self._post(client, key, PUSH, reply, offset=offset)
        if again.status_code not in (200, 409, 429, 503):
            raise RuntimeError(f"a reply sent again was answered {again.status_code}")
        if again.status_code == 200 and kind != "garbage":
            self.taken[rounds[0]].add(node)  # where the server had no time for the first
        self.unheard[rounds[0]].discard(node)

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
        """Send half a reply from another process, and kill that."""
        now = int(time.time())
        signature = sign_request(key, method="POST", path=PUSH, body=reply, time=now)
        lines = [f"POST {PUSH} HTTP/1.1", "host: localhost", f"content-length: {len(reply)}"]
        lines += [f"{name}: {value}" for name, value in signature.headers().items()]
        half = "\r\n".join([*lines, "", ""]).encode() + reply[: len(reply) // 2]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", UPLOADER, str(self._port), self._authority),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.stdin.write(half)
            process.stdin.write_eof()
            self.met["uploads cut by SIGKILL"] += await process.stdout.readline() == b"sent\n"
        finally:
            # Without a connection, the server being down, it has ended by itself.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
