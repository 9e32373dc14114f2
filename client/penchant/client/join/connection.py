"""The way to a server: HTTPS to the one authority a device trusts, every request signed."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from penchant.client.join.membership import Membership
from penchant.shared.errors import ConfigurationError, RemoteError
from penchant.shared.requests import sign_request

__all__ = [
    "NotAdmittedError",
    "ServerConnection",
    "UnreachableError",
    "client_for",
    "retry_seconds",
]

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
WRONG_CLOCK_SECONDS = 60.0
LARGEST_ANSWER = 2 * 2**20  # a part of a release, or a manifest
LONGEST_RETRY_SECONDS = 3600.0
UNTIL_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class UnreachableError(RemoteError):
    """The server cannot be reached or cannot answer now; later it may."""


class NotAdmittedError(RemoteError):
    """The server does not know this device, or no more."""


def client_for(url: str, *, authority: str) -> httpx.Client:
    """Return an HTTP client that trusts one certificate authority and nobody else.

    Args:
        url: the server.
        authority: PEM of its certificate authority.

    Raises:
        ConfigurationError: it is not a certificate authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=authority)
    except ssl.SSLError as error:
        raise ConfigurationError("the server's authority is not a PEM certificate") from error
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    return httpx.Client(base_url=url, verify=context, timeout=timeout, trust_env=False)


def retry_seconds(answer: httpx.Response) -> float:
    """Return after how many seconds the server wants to be asked again; 0 if it does not say."""
    told = answer.headers.get("retry-after", "")
    if not (told.isascii() and told.isdigit() and len(told) < 6):
        return 0.0
    return min(float(told), LONGEST_RETRY_SECONDS)


def bounded_answer(client: httpx.Client, request: httpx.Request, *, largest: int) -> httpx.Response:
    """Return the answer to ``request``, as the server sent it and not decoded.

    Args:
        client: sends it.
        request: not sent yet.
        largest: bytes that its body may have; no more are taken into memory.

    Raises:
        RemoteError: it has more.
        httpx.HTTPError: there was none.
    """
    request.headers["accept-encoding"] = "identity"
    answer = client.send(request, stream=True)
    try:
        content = bytearray()
        for part in answer.iter_raw():
            content += part
            if len(content) > largest:
                raise RemoteError(
                    f"the server's answer has more than {largest} bytes; it was not read further"
                )
    finally:
        answer.close()
    answer.headers.pop("content-encoding", None)
    return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content))


@dataclass(frozen=True)
class _Asked:
    """A request before it is signed."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    timeout: httpx.Timeout
    largest: int


class ServerConnection:
    """Signed requests to one server.

    A device whose clock is wrong learns the server's time from its answers.

    Args:
        membership: the server and the device's key.
    """

    def __init__(self, membership: Membership) -> None:
        self._key: ec.EllipticCurvePrivateKey = membership.key
        server = membership.server
        self._client = client_for(server.url, authority=server.authority)
        self._offset = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; a request that waits ends with ``UnreachableError``."""
        self._client.close()

    def post(
        self,
        path: str,
        body: bytes = b"",
        *,
        patience: float = 0.0,
        largest: int = LARGEST_ANSWER,
    ) -> httpx.Response:
        """Send a request and return the answer, which may be 2xx, 400, 403, 404 or 409.

        Args:
            path: path and query.
            body: what is sent.
            patience: seconds that the server may think, beyond the usual.
            largest: bytes that the answer may have.

        Raises:
            NotAdmittedError: the server does not know this device.
            UnreachableError: there was no answer, or one that says to come back later.
            RemoteError: the answer is too large.
        """
        timeout = httpx.Timeout(READ_SECONDS + patience, connect=CONNECT_SECONDS)
        return self._ask(_Asked("POST", path, body, {}, timeout, largest))

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Fetch something; as ``post``."""
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        return self._ask(_Asked("GET", path, b"", headers or {}, timeout, LARGEST_ANSWER))

    def _ask(self, asked: "_Asked") -> httpx.Response:
        answer = self._send(asked)
        if answer.status_code == 401 and self._learn_time(answer):
            answer = self._send(asked)
        if answer.status_code == 401:
            raise NotAdmittedError(
                "the server does not know this device; ask its operators for a new code, and "
                "join again"
            )
        if answer.status_code in UNTIL_LATER:
            raise UnreachableError(f"the server answered {answer.status_code}; try again later")
        return answer

    def _send(self, asked: "_Asked") -> httpx.Response:
        now = int(time.time() + self._offset)
        signature = sign_request(
            self._key, method=asked.method, path=asked.path, body=asked.body, time=now
        )
        headers = {**asked.headers, **signature.headers()}
        try:
            request = self._client.build_request(
                asked.method,
                asked.path,
                content=asked.body,
                headers=headers,
                timeout=asked.timeout,
            )
            return bounded_answer(self._client, request, largest=asked.largest)
        except (httpx.HTTPError, RuntimeError, OSError) as error:
            # A closed client raises RuntimeError, or whatever its socket does.
            raise UnreachableError(f"the server cannot be reached: {error}") from error

    def _learn_time(self, answer: httpx.Response) -> bool:
        """Take over the server's time if ours is wrong; return whether it was."""
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (TypeError, ValueError):
            return False
        offset = theirs - time.time()
        if abs(offset - self._offset) < WRONG_CLOCK_SECONDS:
            return False
        self._offset = offset
        return True
