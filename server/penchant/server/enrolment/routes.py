"""The route that devices are enrolled by: the only one, with health, that answers strangers."""

import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from anyio import to_thread
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from penchant.server.enrolment.codes import Enrolment
from penchant.server.web.bodies import read_body
from penchant.server.web.gate import signed_path
from penchant.server.web.limits import TokenBuckets
from penchant.shared.enrolment import EnrolmentRequest, EnrolmentResponse
from penchant.shared.errors import CodecError
from penchant.shared.requests import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    RequestSignature,
)

__all__ = ["EnrolmentRoutes"]

LARGEST_REQUEST = 1024
CLOCK_TOLERANCE = 300.0
FAILURES_A_MINUTE, ALL_FAILURES = 10, 600  # from one address, and from all together


class EnrolmentRoutes:
    """Routes that enrol devices.

    Args:
        enrolment: admits them.
        authority: PEM of the certificate authority that vouches for this server.
        signing_key: public key of releases, hexadecimal.
        on_refused: told why a device was refused.
    """

    def __init__(
        self,
        enrolment: Enrolment,
        *,
        authority: str,
        signing_key: str,
        on_refused: Callable[[str], None],
    ) -> None:
        self._enrolment = enrolment
        self._authority = authority
        self._signing_key = signing_key
        self._on_refused = on_refused
        self._failures = TokenBuckets(rate=FAILURES_A_MINUTE / 60.0, burst=FAILURES_A_MINUTE)
        self._all_failures = TokenBuckets(rate=ALL_FAILURES / 60.0, burst=ALL_FAILURES)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/enrolment", self._ask, methods=["GET"]),
            Route("/v1/enrolment", self._enrol, methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        """Say which certificate authority to trust; a device checks it against its code."""
        return PlainTextResponse(self._authority)

    async def _enrol(self, request: Request) -> Response:
        """Enrol the device that brings a code and proves to have its key."""
        body = await read_body(request, limit=LARGEST_REQUEST)
        host = request.client.host if request.client else ""
        if not (self._failures.has(host) and self._all_failures.has("")):
            self._refuse("enrolment flood", 429, host)
        try:
            asked = EnrolmentRequest.model_validate_json(body)
            signature = RequestSignature.of_headers(
                *(request.headers.get(n, "") for n in (KEY_HEADER, TIME_HEADER, SIGNATURE_HEADER))
            )
        except (ValidationError, CodecError):
            self._refuse("enrolment malformed", 400, host)
        is_timely = abs(time.time() - signature.time) <= CLOCK_TOLERANCE
        path = signed_path(request)
        if not (is_timely and signature.is_valid(method="POST", path=path, body=body)):
            self._refuse("enrolment not signed", 401, host)
        admit = partial(self._enrolment.admit, asked.secret, signature.public_key)
        node = await to_thread.run_sync(admit)
        if node is None:
            self._refuse("enrolment code", 403, host)
        answer = EnrolmentResponse(node=str(node), signing_key=self._signing_key)
        return JSONResponse(answer.model_dump())

    def _refuse(self, reason: str, status: int, host: str) -> NoReturn:
        self._failures.take(host)
        self._all_failures.take("")
        self._on_refused(reason)
        raise HTTPException(status)
