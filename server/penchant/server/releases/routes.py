"""Routes that enrolled devices fetch releases by, with HTTP's caching and ranges."""

from functools import partial

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from penchant.server.releases.shelf import Shelf
from penchant.server.web.bodies import read_body
from penchant.server.web.gate import Gate
from penchant.shared.releases import Manifest, ReleaseKind, SignedManifest

__all__ = ["ReleaseRoutes"]

LONGEST_VERSION = 9  # digits


class ReleaseRoutes:
    """Routes over a shelf.

    Args:
        shelf: the releases.
        gate: says who asks.
    """

    def __init__(self, shelf: Shelf, gate: Gate) -> None:
        self._shelf = shelf
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/releases/{kind}/latest", self._latest, methods=["GET"]),
            Route("/v1/releases/{kind}/{version}", self._content, methods=["GET"]),
        ]

    async def _latest(self, request: Request) -> Response:
        """Answer with the latest release's signed manifest."""
        await self._admit(request)
        find = partial(self._shelf.latest, _kind(request))
        signed = await to_thread.run_sync(find)
        if signed is None:
            raise HTTPException(404, "nothing has been released")
        tag = f'"{signed.tag}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(signed.model_dump_json(), media_type="application/json", headers=headers)

    async def _content(self, request: Request) -> Response:
        """Answer with a release's file, or the part of it that is asked for."""
        await self._admit(request)
        kind, version = _kind(request), _version(request)
        signed = await to_thread.run_sync(partial(self._shelf.manifest, kind, version))
        if signed is None:
            raise HTTPException(404, "there is no such release")
        tag = f'"{_hash_of(signed)}"'
        # What was released never changes.
        headers = {"etag": tag, "cache-control": "private, max-age=31536000, immutable"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        path = self._shelf.content(kind, version)
        try:
            status = await to_thread.run_sync(path.stat)
        except FileNotFoundError as error:  # tidied away in this moment
            raise HTTPException(404, "there is no such release") from error
        return FileResponse(
            path, media_type="application/octet-stream", headers=headers, stat_result=status
        )

    async def _admit(self, request: Request) -> None:
        await self._gate.admit(request, await read_body(request, limit=0))


def _kind(request: Request) -> ReleaseKind:
    try:
        return ReleaseKind(request.path_params["kind"])
    except ValueError as error:
        raise HTTPException(404, "there is no such kind of release") from error


def _version(request: Request) -> int:
    # Not left to the router: it answers what is too long to be a number with an error.
    text: str = request.path_params["version"]
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_VERSION):
        raise HTTPException(404, "there is no such release")
    return int(text)


def _hash_of(signed: SignedManifest) -> str:
    return Manifest.model_validate_json(signed.manifest).sha256
