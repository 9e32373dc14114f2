"""What is no HTTP, or barely: raw bytes to a real listener, which must answer the next request."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import uvicorn
from hypothesis import strategies as st
from tests.fuzz.mutations import mutated
from tests.fuzz.server import FuzzedServer
from tests.fuzz.target import Target

from penchant.server.service import server as service

__all__ = ["Parser", "listening"]

Parser = Literal["h11", "httptools"]

PATIENCE, LONG_PATIENCE = 2.0, 20.0  # seconds; a busy machine is no failure
PUSH = b"POST /v1/fleet/push HTTP/1.1\r\nhost: a\r\n"
PULL = PUSH.replace(b"push", b"pull")
SEEDS = [
    b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /v1/enrolment HTTP/1.0\r\n\r\n",
    b'POST /v1/enrolment HTTP/1.1\r\nhost: a\r\ncontent-length: 15\r\n\r\n{"secret": "A"}',
    PUSH + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6; x=y\r\nworld!\r\n0\r\nt: u\r\n\r\n",
    b"GET /v1/releases/ranker/1 HTTP/1.1\r\nhost: a\r\nrange: bytes=0-5\r\n\r\n"
    b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    PULL + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
]
ODD = [
    PUSH + b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    PUSH + b"transfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    PUSH + b"content-length: 5\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
    PUSH + b"content-length: 99999999999999999999\r\n\r\nx",
    PUSH + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    b"GET /healthz HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /healthz HTTP/9.9\r\n\r\n",
    b"GET http://[::1/healthz HTTP/1.1\r\nhost: [\r\n\r\n",
    b"GET /\xff\xfe?\xff HTTP/1.1\r\nhost: \xff\r\n\r\n",
    b"GET /healthz HTTP/1.1\nhost: a\n\n",
    b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    b"GET /healthz HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    b"\r\n" * 1000,
]  # fmt: skip


@contextmanager
def listening(server: FuzzedServer, parser: Parser) -> Iterator[Target]:
    """Serve the devices' application on a socket without TLS, and give what is sent to it.

    Args:
        server: whose application.
        parser: of HTTP; a server takes ``httptools`` where it is installed.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        running = service._Listener(
            uvicorn.Config(server.devices_again(), http=parser, **service._COMMON)
        )
        serving = running.serve(sockets=[listener])
        thread = threading.Thread(target=asyncio.run, args=(serving,), daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield _target(listener.getsockname()[1], f"raw bytes, {parser}")
        running.should_exit = True
        thread.join()


def _target(port: int, name: str) -> Target:
    inputs = st.one_of(mutated([*SEEDS, *ODD]), st.sampled_from(ODD), st.binary(max_size=300))
    troubles = _Troubles()
    logging.getLogger("uvicorn.error").addHandler(troubles)

    def check(data: bytes) -> None:
        answer = _sent(port, data)
        assert b" 500 " not in answer.split(b"\r\n", 1)[0], answer[:200]
        assert b"\r\n\r\nok" in _sent(port, SEEDS[0], until=b"ok", patience=LONG_PATIENCE), (
            "it answers no more"
        )
        assert not troubles.seen, troubles.seen

    return Target(name, inputs, check, 2)


class _Troubles(logging.Handler):
    """Keeps what the web server says went wrong within it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))


def _sent(port: int, data: bytes, *, until: bytes = b"", patience: float = PATIENCE) -> bytes:
    """Return what is answered to ``data`` before the connection ends, or nothing more comes."""
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=patience) as connection,
    ):
        connection.sendall(data)
        if not until:
            connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            answer += part
            if until and until in answer:
                break
    return answer
