"""Every route of both listeners, asked in this process as a web server would ask."""

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
from flwr.app import Message
from flwr.clientapp import ClientApp
from hypothesis import strategies as st
from starlette.applications import Starlette
from tests.fuzz.decoders import example_task, small_catalogue
from tests.fuzz.mutations import mutated, mutated_text, nearly_json
from tests.fuzz.target import Target

from penchant.client.join.flower_adapter import answer
from penchant.server.enrolment import routes as enrolment_routes
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.operations.records import Records
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.service import parts as parts_module
from penchant.server.service.application import application
from penchant.server.service.folder import ServerFolder
from penchant.server.service.parts import Parts
from penchant.shared import flower
from penchant.shared.codec import encode_result, encode_task
from penchant.shared.contract import TrainingResult
from penchant.shared.requests import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    public_key_text,
    sign_request,
)

__all__ = ["FuzzedServer", "fuzzed_server", "given_task", "route_targets"]

PRINTABLE = "".join(map(chr, range(33, 127))).replace("?", "").replace("#", "")
LONGEST = 60.0  # seconds that a client stays; an answer comes before
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "X", ""]
DEVICE_PATHS = [
    "/healthz",
    "/v1/enrolment",
    "/v1/fleet/pull",
    "/v1/fleet/push",
    "/v1/releases/ranker/latest",
    "/v1/releases/catalogue/latest",
    "/v1/releases/ranker/1",
    "/v1/releases/catalogue/1",
    "/v1/releases/ranker/0",
    "/v1/releases/ranker/999999999",
    "/v1/releases/ranker/" + "9" * 30,
    "/v1/releases/ranker/" + "9" * 5000,
    "/v1/releases/../1",
]
ODD_PATHS = ["/%00", "/%ff%fe", "/v1/%2e%2e/healthz", "//healthz", "/v1/" + "a/" * 9000]
HEADERS = ["range", "if-none-match", KEY_HEADER, TIME_HEADER, SIGNATURE_HEADER, "host"]
OPERATOR_PATHS = ["/", "/status", "/status.json", "/metrics", "/healthz"]
QUERIES = [
    "", "", "", "wait=0", "wait=", "wait=1e9", "wait=-1", "wait=99999999", "wait=%00", "&&=",
    "wait=0&wait=1",
]  # fmt: skip
RANGES = [
    "bytes=0-0", "bytes=0-", "bytes=-1", "bytes=5-1", "bytes=5-4", "bytes=0-18446744073709551616",
    "bytes=99999999999-", "bytes=--1", "bytes=0-1,3-4", "bytes=0-1,1-2,1-9", "items=0-1", "bytes=",
    "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)), "bytes=" + "0-," * 5000,
    "bytes=-" + "9" * 5000,
]  # fmt: skip
ODD_HEADERS = [
    ("host", "["), ("host", "a/v1/fleet/pull?"), ("host", ""), ("content-length", "-1"),
    ("content-length", "9" * 40), ("transfer-encoding", "chunked"), ("content-type", "\xff"),
    ("expect", "100-continue"), ("if-none-match", "*"), ("if-range", "x"), ("upgrade", "websocket"),
    ("accept-encoding", "gzip"), ("x", "y" * 60_000),
]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        method: of it.
        path: percent-encoded.
        query: of it.
        headers: name and value.
        body: in the parts that it comes in.
        breaks_off: the connection ends before the body does.
        signer: 0 nobody, 1 an enrolled device, 2 a stranger's key.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: tuple[bytes, ...]
    breaks_off: bool
    signer: int

    @property
    def raw_path(self) -> str:
        """The path as a web server passes it on: what is not printable is percent-encoded."""
        return quote(self.path.encode("utf-8", "surrogateescape"), safe=PRINTABLE)


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
        self.stranger = ec.generate_private_key(ec.SECP384R1())
        self.devices = application(parts.device_routes())
        self.operators = application(parts.operator_routes())
        self._loop = asyncio.new_event_loop()
        self._asked = 0
        self.statuses: Counter[int] = Counter()

    def close(self) -> None:
        """End."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def devices_again(self) -> Starlette:
        """Return the devices' application anew, for another event loop."""
        return application(self.parts.device_routes())

    def ask_devices(self, asked: Asked) -> None:
        """Ask the listener for devices; it must answer, and with what was meant."""
        self._ask(self.devices, asked)

    def ask_operators(self, asked: Asked) -> None:
        """Ask the listener for operators; likewise."""
        self._ask(self.operators, asked)

    def _ask(self, app: Starlette, asked: Asked) -> None:
        self._asked += 1
        status, body = self._loop.run_until_complete(self._answered(app, asked))
        self.statuses[status] += 1
        assert 200 <= status < 500, (status, body[:200])
        assert len(body) < 2**20

    async def _answered(self, app: Starlette, asked: Asked) -> tuple[int, bytes]:
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
        status = told[0]["status"]
        return status, b"".join(message.get("body", b"") for message in told[1:])

    def _scope(self, asked: Asked) -> dict[str, Any]:
        headers = [
            (name.encode("latin-1", "replace").lower(), value.encode("latin-1", "replace"))
            for name, value in (*asked.headers, *self._signed(asked))
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
    key = ec.generate_private_key(ec.SECP384R1())
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


def route_targets(server: FuzzedServer, task: bytes) -> list[Target]:
    """Return the routes of both listeners; ``task`` is one that the enrolled device was given."""
    replies = _replies(server, task)
    enrolments = [{"secret": "A" * 24}, {"secret": ""}]
    bodies = st.one_of(
        st.just(b""),
        st.just(b""),
        st.binary(max_size=300),
        mutated(replies),
        nearly_json(enrolments),
        st.sampled_from([bytes(2**18), b"{" * 1000]),
    )
    return [
        Target("routes for devices", _requests(DEVICE_PATHS, bodies), server.ask_devices, 25),
        Target("routes for operators", _requests(OPERATOR_PATHS, bodies), server.ask_operators, 3),
        Target("replies to tasks", _pushes(replies), server.ask_devices, 6),
        Target("enrolments", _enrolments(enrolments), server.ask_devices, 4),
    ]


def _requests(paths: list[str], bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[Asked]:
    ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
    path = st.one_of(
        st.sampled_from(paths),
        st.sampled_from(paths),
        mutated_text(paths).map(lambda text: "/" + text.lstrip("/")),
        ascii_text.map(lambda text: "/v1/" + text),
        st.sampled_from(
            ["/%00", "/%ff%fe", "/v1/%2e%2e/healthz", "//healthz", "/v1/" + "a/" * 9000]
        ),
    )
    latin = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
    header = st.one_of(
        st.tuples(st.just("range"), st.sampled_from(RANGES)),
        st.tuples(st.just("range"), mutated_text(RANGES[:9])),
        st.sampled_from(ODD_HEADERS),
        st.tuples(st.sampled_from(HEADERS), latin),
        st.tuples(ascii_text.filter(bool), latin),
    )
    return st.builds(
        Asked,
        st.one_of(st.sampled_from(METHODS[:2]), st.sampled_from(METHODS)),
        path,
        st.one_of(st.sampled_from(QUERIES), mutated_text(QUERIES[3:])),
        st.lists(header, max_size=3).map(tuple),
        bodies.flatmap(_in_parts),
        st.integers(0, 9).map(lambda number: number == 9),
        st.sampled_from([1, 1, 0, 2]),
    )


def _in_parts(body: bytes) -> st.SearchStrategy[tuple[bytes, ...]]:
    cuts = st.lists(st.integers(0, len(body)), max_size=3).map(sorted)
    return cuts.map(
        lambda places: tuple(
            body[start:stop] for start, stop in zip([0, *places], [*places, len(body)], strict=True)
        )
    )


def _to(path: str, body: bytes, *, signer: int) -> Asked:
    return Asked("POST", path, "", (), (body,), False, signer)


def _pushes(replies: list[bytes]) -> st.SearchStrategy[Asked]:
    return mutated(replies).map(lambda body: _to("/v1/fleet/push", body, signer=1))


def _enrolments(enrolments: list[dict[str, str]]) -> st.SearchStrategy[Asked]:
    return st.tuples(nearly_json(enrolments), st.integers(0, 2)).map(
        lambda pair: _to("/v1/enrolment", pair[0], signer=pair[1])
    )


def given_task(server: FuzzedServer) -> bytes:
    """Return a task as the enrolled device fetches it."""
    found = server.parts.shelf.ranker()
    assert found is not None
    ranker = found[1]
    message = Message(
        flower.pack(encode_task(example_task(ranker.model_id, ranker.vector))),
        dst_node_id=server.node,
        message_type="train",
    )
    assert list(server.parts.grid.push_messages([message]))
    task = server.parts.state.take(server.node)
    assert task is not None
    return task


def _replies(server: FuzzedServer, task: bytes) -> list[bytes]:
    """Replies to a real task: an update, and something that is none."""
    found = server.parts.shelf.ranker()
    assert found is not None
    ranker = found[1]

    def replied(content: bytes) -> bytes:
        app = ClientApp()

        @app.train()
        def train(message: Message, _context: object) -> Message:
            return Message(flower.pack(content), reply_to=message)

        return answer(task, app, node=server.node).data

    result = encode_result(TrainingResult(ranker.model_id, 1, ranker.vector))
    return [replied(result), replied(b"")]
