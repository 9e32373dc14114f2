"""The gate: which device a request comes from, if from any that is enrolled."""

import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from penchant.server.web.limits import TokenBuckets
from penchant.shared.errors import CodecError
from penchant.shared.requests import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    RequestSignature,
)

__all__ = ["Gate", "signed_path"]

CLOCK_TOLERANCE = 300.0  # seconds; a device whose clock is further off follows the Date header


class Gate:
    """Admits requests that an enrolled device has signed.

    Args:
        node_of: finds the node of a public key; asked anew each time, so that a revoked device is
            out at once.
        on_refused: told why a request was refused.
        limits: how often one device may ask.
    """

    def __init__(
        self,
        node_of: Callable[[bytes], int | None],
        *,
        on_refused: Callable[[str], None],
        limits: TokenBuckets,
    ) -> None:
        self._node_of = node_of
        self._on_refused = on_refused
        self._limits = limits
        self._limiter: CapacityLimiter | None = None

    async def admit(self, request: Request, body: bytes = b"") -> int:
        """Return the number of the node that sent ``request``.

        Raises:
            HTTPException: 401 for a request that no enrolled device has signed, 429 for a device
                that asks too often.
        """
        check = partial(self._node_that_signed, request, body)
        node = await to_thread.run_sync(check, limiter=self._threads())
        if node is None:
            self._refuse("not enrolled", 401)
        if not self._limits.take(node):
            self._refuse("flood", 429)
        return node

    def _threads(self) -> CapacityLimiter:
        # A signature is a millisecond of work: more threads would only queue for the same cores.
        if self._limiter is None:
            self._limiter = CapacityLimiter(4)
        return self._limiter

    def _node_that_signed(self, request: Request, body: bytes) -> int | None:
        try:
            signature = RequestSignature.of_headers(
                request.headers.get(KEY_HEADER, ""),
                request.headers.get(TIME_HEADER, ""),
                request.headers.get(SIGNATURE_HEADER, ""),
            )
        except CodecError:
            return None
        if abs(time.time() - signature.time) > CLOCK_TOLERANCE:
            return None
        node = self._node_of(signature.public_key)
        path = signed_path(request)
        if node is None or not signature.is_valid(method=request.method, path=path, body=body):
            return None
        return node

    def _refuse(self, reason: str, status: int) -> NoReturn:
        self._on_refused(reason)
        raise HTTPException(status, "not for you" if status == 401 else "too often")


def signed_path(request: Request) -> str:
    """Return path and query to the byte as they came: what a device has signed."""
    query: bytes = request.scope["query_string"]
    raw: bytes = request.scope["raw_path"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")
