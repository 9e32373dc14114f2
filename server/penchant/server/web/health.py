"""The one route that says to anybody whether the server is there."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

__all__ = ["health_routes"]


def health_routes() -> list[Route]:
    """Return the route."""

    async def health(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return PlainTextResponse("ok")

    return [Route("/healthz", health, methods=["GET"])]
