"""The two routes that messages take: a device fetches its task, and brings its reply."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.fleet.mailbox import Delivery
from penchant.server.fleet.waiting import Waiting
from penchant.server.web.bodies import read_body
from penchant.server.web.gate import Gate
from penchant.shared.errors import CodecError

__all__ = ["FleetRoutes"]

Answer = TypeVar("Answer")

MEDIA_TYPE = "application/x-protobuf"
WAIT_PARAMETER = "wait"
SEEN_SECONDS = 300.0  # how often a device's being there is written down


class FleetRoutes:
    """Routes over the mailbox of one server.

    Args:
        state: nodes and messages.
        waiting: devices whose requests are held.
        gate: says who asks.
        longest_wait: seconds that a request for a task is held at most.
        largest_reply: says how many bytes a reply may have.
        on_reply: told the message that a kept reply is for.
        on_refused: told why a reply was refused.
    """

    def __init__(
        self,
        state: FleetState,
        waiting: Waiting,
        gate: Gate,
        *,
        longest_wait: float,
        largest_reply: Callable[[], int],
        on_reply: Callable[[str], None],
        on_refused: Callable[[str], None],
    ) -> None:
        self._state = state
        self._waiting = waiting
        self._gate = gate
        self._longest_wait = longest_wait
        self._largest_reply = largest_reply
        self._on_reply = on_reply
        self._on_refused = on_refused
        self._seen: dict[int, float] = {}
        self._limiter: CapacityLimiter | None = None

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/fleet/pull", self._pull, methods=["POST"]),
            Route("/v1/fleet/push", self._push, methods=["POST"]),
        ]

    async def _pull(self, request: Request) -> Response:
        """Answer with the device's next task, or 204 if none comes while it waits.

        Where too many wait already, 204 comes at once, with the seconds after which to try again.
        """
        body = await read_body(request, limit=0)
        node = await self._gate.admit(request, body)
        self._note(node)
        message = self._next(node)
        if message is None:
            if not self._waiting.has_room(node):
                return self._later()
            message = await self._held(request, node)
        if message is None:
            return Response(status_code=204)
        return Response(message, media_type=MEDIA_TYPE)

    async def _push(self, request: Request) -> Response:
        """Keep the device's reply to a task."""
        body = await self._reply_body(request)
        node = await self._gate.admit(request, body)
        try:
            delivery, asked = await self._in_thread(self._state.answer, node, body)
        except CodecError:
            self._on_refused("malformed")
            return JSONResponse({"delivery": "malformed"}, 400)
        if delivery is not Delivery.STORED:
            self._on_refused(delivery.value)
            return JSONResponse({"delivery": delivery.value}, 409)
        self._on_reply(asked)
        return JSONResponse({"delivery": delivery.value})

    async def _reply_body(self, request: Request) -> bytes:
        limit = await to_thread.run_sync(self._largest_reply)
        try:
            return await read_body(request, limit=limit)
        except HTTPException as error:
            self._on_refused("oversized" if error.status_code == 413 else "broken off")
            raise

    def _note(self, node: int) -> None:
        now = time.monotonic()
        if now - self._seen.get(node, -SEEN_SECONDS) >= SEEN_SECONDS:
            self._seen[node] = now
            self._state.seen(node)

    def _next(self, node: int) -> bytes | None:
        if not self._waiting.claim(node):
            return None
        message = self._state.take(node)
        if message is not None:
            self._waiting.announce([node])  # there may be another
        return message

    async def _held(self, request: Request, node: int) -> bytes | None:
        future = self._waiting.begin(node)
        try:
            woken = await self._patience(request, future)
            # Whoever has gone must not take a task along.
            if not woken or await request.is_disconnected():
                return None
            return self._next(node)
        finally:
            self._waiting.end(node, future)

    def _later(self) -> Response:
        seconds = self._waiting.pause(devices=len(self._seen), longest=self._longest_wait)
        return Response(
            status_code=204, headers={"retry-after": str(seconds), "connection": "close"}
        )

    async def _patience(self, request: Request, future: "asyncio.Future[bool]") -> bool:
        """Return whether a message came while the device waited."""
        asked = request.query_params.get(WAIT_PARAMETER, "")
        seconds = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0.0
        try:
            async with asyncio.timeout(min(seconds, self._longest_wait)):
                return await future
        except TimeoutError:
            return False

    async def _in_thread(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        # One at a time: a reply may have to wait until there is room for it.
        if self._limiter is None:
            self._limiter = CapacityLimiter(1)
        return await to_thread.run_sync(partial(function, *arguments), limiter=self._limiter)
