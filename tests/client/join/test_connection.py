"""Tests of answers from a server: no more of them is taken than is meant."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from penchant.client.join.connection import bounded_answer
from penchant.shared.errors import RemoteError

PACKED = gzip.compress(bytes(10_000_000))


class _Endless(BaseHTTPRequestHandler):
    """Answers what the path says: ``/N`` bytes, ``/endless``, or ``/packed``."""

    def do_GET(self) -> None:
        """Answer."""
        what = self.path.removeprefix("/")
        self.send_response(200)
        if what == "packed":
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        try:
            while what == "endless":
                self.wfile.write(bytes(65_536))
            self.wfile.write(PACKED if what == "packed" else bytes(int(what)))
        except OSError:
            return

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a server that sends whatever it likes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_may_be_as_large_as_is_meant(client: httpx.Client) -> None:
    """To the byte."""
    answer = bounded_answer(client, client.build_request("GET", "/1000"), largest=1000)
    assert (answer.status_code, answer.content) == (200, bytes(1000))
    with pytest.raises(RemoteError, match="more than 999 bytes"):
        bounded_answer(client, client.build_request("GET", "/1000"), largest=999)


def test_an_endless_answer_ends(client: httpx.Client) -> None:
    """A server cannot fill a device's memory."""
    with pytest.raises(RemoteError, match="not read further"):
        bounded_answer(client, client.build_request("GET", "/endless"), largest=10**6)


def test_nothing_is_unpacked(client: httpx.Client) -> None:
    """Ten kilobytes stay ten kilobytes, whatever they could become."""
    answer = bounded_answer(client, client.build_request("GET", "/packed"), largest=20_000)
    assert answer.content == PACKED
