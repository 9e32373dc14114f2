"""A small web site on this machine that can misbehave as real ones do."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penchant.shared.assets import Asset, AssetFile
from penchant.shared.assets.asset import Source


@dataclass
class Site:
    """What a web site serves and how; tests change it while it runs.

    Attributes:
        files: content by path, without the leading slash.
        ranges: whether it honours range requests.
        cut_after: close the connection after this many bytes of a body.
        stall_after: stop sending after this many bytes of a body, until ``resume`` is set.
        requests: what was asked for: path and range header.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cut_after: int | None = None
    stall_after: int | None = None
    resume: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, wanted = self.path.lstrip("/"), self.headers.get("Range")
            site.requests.append((path, wanted))
            if path not in site.files:
                self.send_error(404)
                return
            body, start = site.files[path], 0
            if wanted and site.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            body = body[start:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if site.stall_after is not None:
                self.wfile.write(body[: site.stall_after])
                self.wfile.flush()
                site.resume.wait()
                body = body[site.stall_after :]
            self.wfile.write(body[: site.cut_after])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    """A real HTTP server on a free port."""
    served = Site()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(served)) as server:
        served.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        served.resume.set()
        server.shutdown()
        thread.join()


def make_asset(files: dict[str, bytes], *sources: Source) -> Asset:
    """Return an asset that pins these contents."""
    return Asset(
        name="sample",
        summary="a sample",
        origin="tests",
        licence="none",
        languages=(),
        files=tuple(
            AssetFile(path, hashlib.sha256(content).hexdigest(), len(content))
            for path, content in files.items()
        ),
        sources=sources,
    )


@pytest.fixture(name="make_asset")
def make_asset_fixture() -> object:
    """The function that makes an asset."""
    return make_asset
