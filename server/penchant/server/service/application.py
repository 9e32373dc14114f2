"""The two HTTP applications: one that devices reach, and one for operators on this machine."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penchant.shared.errors import PenchantError

__all__ = ["application"]


def application(routes: Sequence[Route]) -> Starlette:
    """Return the application that has these routes and no others."""
    return Starlette(
        routes=list(routes),
        exception_handlers={PenchantError: _unavailable, OSError: _unavailable},
    )


async def _unavailable(request: Request, error: Exception) -> Response:  # noqa: ARG001
    # A full disk, a locked database: the server's trouble, which may pass; not told to strangers.
    return JSONResponse({"detail": "not now"}, status_code=503, headers={"retry-after": "30"})
