"""A server in this process, whose two applications are asked as a web server would ask."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, unquote

import tomli_w
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from tests.fuzz.decoders import small_catalogue

from penchant.server.enrolment import routes as enrolment_routes
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.operations.records import Records
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.service import parts as parts_module
from penchant.server.service.application import application
from penchant.server.service.folder import ServerFolder
from penchant.server.service.parts import Parts
from penchant.shared.ranker import Ranker
from penchant.shared.requests import public_key_text, sign_request

__all__ = ["Answer", "Asked", "FuzzedServer", "fuzzed_server", "new_key"]

PRINTABLE = "".join(map(chr, range(33, 127))).replace("?", "").replace("#", "")
LONGEST = 60.0  # seconds that a client stays; an answer comes before


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        method: of it.
        path: percent-encoded.
        query: of it.
        headers: name and value.
        body: in the parts that it comes in, one at least.
        breaks_off: the connection ends before the body does.
        signer: 0 nobody, 1 an enrolled device, 2 a stranger's key.
        signed_as: the request that was signed instead; None if it is this one.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes, ...] = (b"",)
    breaks_off: bool = False
    signer: int = 1
    signed_as: "Asked | None" = None

    @property
    def is_tampered_with(self) -> bool:
        """Whether what arrives is something else than what was signed."""
        return self.signed_as is not None and self._signed != self.signed_as._signed

    @property
    def _signed(self) -> tuple[str, str, str, bytes]:
        return self.method, self.raw_path, self.query, b"".join(self.body)

    @property
    def raw_path(self) -> str:
        """The path as a web server passes it on: what is not printable is percent-encoded."""
        return quote(self.path.encode("utf-8", "surrogateescape"), safe=PRINTABLE)


@dataclass(frozen=True)
class Answer:
    """What a request was answered.

    Attributes:
        status: of it.
        headers: by name in small letters.
        body: whole.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class FuzzedServer:
    """A server's two applications, in this process, with no limits on how often one may ask.

    Attributes:
        statuses: how often each was answered.

    Args:
        parts: of the server.
        key: of an enrolled device.
        node: its number.
    """

    def __init__(self, parts: Parts, *, key: ec.EllipticCurvePrivateKey, node: int) -> None:
        self.parts = parts
        self.key = key
        self.node = node
        self.stranger = new_key()
        self.devices = application(parts.device_routes())
        self.operators = application(parts.operator_routes())
        self._loop = asyncio.new_event_loop()
        self._asked = 0
        self.statuses: Counter[int] = Counter()

    def close(self) -> None:
        """End."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    @property
    def ranker(self) -> Ranker:
        """The one that is released."""
        found = self.parts.shelf.ranker()
        assert found is not None
        return found[1]

    def devices_again(self) -> Starlette:
        """Return the devices' application anew, for another event loop."""
        return application(self.parts.device_routes())

    def ask_devices(self, asked: Asked) -> Answer:
        """Ask the listener for devices; it must answer, and with what was meant."""
        return self._ask(self.devices, asked)

    def ask_operators(self, asked: Asked) -> Answer:
        """Ask the listener for operators; likewise."""
        return self._ask(self.operators, asked)

    def _ask(self, app: Starlette, asked: Asked) -> Answer:
        self._asked += 1
        answer = self._loop.run_until_complete(self._answered(app, asked))
        self.statuses[answer.status] += 1
        assert 200 <= answer.status < 500, (answer.status, answer.body[:200])
        assert len(answer.body) < 2**20
        return answer

    async def _answered(self, app: Starlette, asked: Asked) -> Answer:
        scope = self._scope(asked)
        left = list(asked.body)
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if left:
                part = left.pop(0)
                more = bool(left) or asked.breaks_off
                return {"type": "http.request", "body": part, "more_body": more}
            if asked.breaks_off:
                return {"type": "http.disconnect"}
            await asyncio.sleep(LONGEST)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            told.append(dict(message))

        await app(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in told[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in told[1:])
        return Answer(told[0]["status"], headers, body)

    def _scope(self, asked: Asked) -> dict[str, Any]:
        headers = [
            (name.encode("latin-1", "replace").lower(), value.encode("latin-1", "replace"))
            for name, value in (*asked.headers, *self._signed(asked.signed_as or asked))
        ]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": asked.method,
            "scheme": "https",
            "path": unquote(asked.raw_path),
            "raw_path": asked.raw_path.encode(),
            "root_path": "",
            "query_string": asked.query.encode("utf-8", "surrogateescape"),
            "headers": headers,
            # One address may get only so much wrong in a minute.
            "client": (f"10.0.0.{self._asked}", 1234),
            "server": ("127.0.0.1", 8443),
            "state": {},
        }

    def _signed(self, asked: Asked) -> list[tuple[str, str]]:
        if asked.signer == 0:
            return []
        query = asked.query.encode("utf-8", "surrogateescape")
        signature = sign_request(
            self.key if asked.signer == 1 else self.stranger,
            method=asked.method,
            path=asked.raw_path + (f"?{query.decode('latin-1')}" if query else ""),
            body=b"".join(asked.body),
            time=int(time.time()),
        )
        return list(signature.headers().items())


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a device's key."""
    return ec.generate_private_key(ec.SECP384R1())


@contextmanager
def fuzzed_server(folder: Path) -> Iterator[FuzzedServer]:
    """Give a server with a small catalogue and one enrolled device.

    Args:
        folder: an absent one.
    """
    place = ServerFolder(folder)
    place.path.mkdir(parents=True)
    place.prepare(trial_devices=1)
    network = {"host": "127.0.0.1", "port": 0, "operator_port": 0, "longest_wait": 0.05}
    settings = place.configuration().model_dump(mode="json", exclude_none=True)
    settings["network"] |= network
    place.configuration_path.write_bytes(tomli_w.dumps(settings).encode())
    key = new_key()
    with (
        closing(Records(place.records)) as records,
        closing(FleetState(place.fleet)) as state,
        patch.multiple(parts_module, DEVICE_RATE=1e9, DEVICE_BURST=1e9),
        patch.object(enrolment_routes, "ALL_FAILURES", 1e9),
    ):
        parts = Parts.of(place, state, records)
        publish_embedded(
            parts.shelf,
            small_catalogue(),
            encoder="test",
            settings=PublicationSettings(dimension=2, features=4, history_length=3),
        )
        node = state.register(public_key_text(key.public_key()), label="fuzz")
        with closing(FuzzedServer(parts, key=key, node=node)) as server:
            yield server
