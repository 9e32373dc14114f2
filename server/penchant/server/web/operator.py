"""Routes for operators: the status page and Prometheus metrics, on a listener of their own."""

from collections.abc import Callable
from pathlib import Path

import jinja2
from anyio import to_thread
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from penchant.server.web.metrics import metrics_registry
from penchant.server.web.overview import Overview

__all__ = ["operator_routes"]

TEMPLATE = "status.html.j2"
# The page needs nothing from anywhere else, and nothing else may put it into a frame.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def operator_routes(overview: Callable[[], Overview]) -> list[Route]:
    """Return the routes.

    Args:
        overview: takes a picture of the server.
    """
    registry = metrics_registry(overview)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template(TEMPLATE)

    async def front(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return RedirectResponse("/status")

    async def status(request: Request) -> Response:  # noqa: ARG001
        now = await to_thread.run_sync(overview)
        headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
        return HTMLResponse(page.render(overview=now.as_json()), headers=headers)

    async def data(request: Request) -> Response:  # noqa: ARG001
        now = await to_thread.run_sync(overview)
        return JSONResponse(now.as_json(), headers={"cache-control": "no-store"})

    async def metrics(request: Request) -> Response:  # noqa: ARG001
        text = await to_thread.run_sync(generate_latest, registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    return [
        Route("/", front, methods=["GET"]),
        Route("/status", status, methods=["GET"]),
        Route("/status.json", data, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
