"""The reader's pages: read, see why, edit interests, see what is kept, forget."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from articles import Article
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from penchant.client import Device, Event, EventKind, Evidence
from penchant.client.ranking.reasons import Reason
from penchant.client.storage import StoredEvent
from penchant.shared.errors import PenchantError

__all__ = ["application"]

HERE = Path(__file__).parent
SHOWN_EVENTS = 50
LIKED, LESS, UNCHANGED = 3.0, -3.0, 0.0
REACTIONS = {"like": EventKind.LIKE, "dislike": EventKind.DISLIKE}
OURS = {"none", "same-origin"}  # typed or followed from our own page
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class _Pages:
    """One handler a page; forms answer with a redirect, so that reloading repeats nothing."""

    def __init__(self, device: Device, articles: dict[str, Article]) -> None:
        self._device = device
        self._articles = articles
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["moment"] = _moment
        self._templates.filters["because"] = self._because
        self._templates.filters["named"] = self._named

    async def home(self, request: Request) -> Response:
        """What to read next, and why."""
        query = request.query_params.get("searched", "")
        best = self._device.recommend(k=8, diversity=0.2)
        return self._page("home.html", query=query, best=best, articles=self._articles)

    async def search(self, request: Request) -> Response:
        """A search is an event; the list follows it."""
        query = _text(await request.form(), "query")
        self._device.observe(Event(kind=EventKind.SEARCH, text=query))
        return _back(f"/?{urlencode({'searched': query})}")

    async def article(self, request: Request) -> Response:
        """One article; opening it is an event, unless another site's page asked for it."""
        article = self._article(request)
        if request.headers.get("sec-fetch-site", "none") in OURS:
            self._device.observe(Event(kind=EventKind.VIEW, item=article.name))
        return self._page("article.html", article=article)

    async def react(self, request: Request) -> Response:
        """Like or dislike an article."""
        article = self._article(request)
        form = await request.form()
        kind = REACTIONS.get(_text(form, "reaction"))
        if kind is None:
            raise HTTPException(400, "The form has an unknown reaction.")
        self._device.observe(Event(kind=kind, item=article.name))
        return _back("/")

    async def interests(self, request: Request) -> Response:  # noqa: ARG002
        """What the device believes the reader is interested in."""
        return self._page(
            "interests.html",
            interests=self._device.interests(k=8),
            edits=self._device.interest_edits(),
        )

    async def edit(self, request: Request) -> Response:
        """More or less of a tag, none of it, or as it was."""
        form = await request.form()
        tag, wish = _text(form, "tag"), _text(form, "wish")
        weight = {"more": LIKED, "less": LESS}.get(wish, UNCHANGED)
        self._device.edit_interest(tag, weight=weight, mute=wish == "mute")
        return _back("/interests")

    async def privacy(self, request: Request) -> Response:  # noqa: ARG002
        """What is kept and what has left."""
        exported = self._device.export()
        return self._page(
            "privacy.html",
            report=str(self._device.privacy()).splitlines(),
            health=self._device.health(),
            events=list(reversed(exported["events"]))[:SHOWN_EVENTS],
            articles=self._articles,
        )

    async def forget(self, request: Request) -> Response:
        """Forget one event, or everything."""
        form = await request.form()
        if "everything" in form:
            self._device.forget(everything=True)
        else:
            event = _text(form, "event")
            if not event.isdecimal():
                raise HTTPException(400, "The form's event is no number.")
            self._device.forget(event=int(event))
        return _back("/privacy")

    async def export(self, request: Request) -> Response:  # noqa: ARG002
        """Everything that is held about the reader, as JSON."""
        headers = {"Content-Disposition": "attachment; filename=my-data.json"}
        return JSONResponse(self._device.export(), headers=HEADERS | headers)

    def failed(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """Say what is wrong."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        detail = error.detail if isinstance(error, HTTPException) else str(error)
        return self._page("failed.html", status=status, detail=detail)

    def _page(self, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        page = self._templates.get_template(name).render(status=status, **values)
        return HTMLResponse(page, status_code=status, headers=HEADERS)

    def _article(self, request: Request) -> Article:
        article = self._articles.get(request.path_params["name"])
        if article is None:
            raise HTTPException(404, "There is no such article.")
        return article

    def _because(self, reason: Reason) -> str:
        """Say where a part of a score comes from."""
        event = reason.source.event
        if event is None:
            return reason.source.label
        if event.kind == EventKind.SEARCH:
            return f"you searched for {self._named(event)}"
        verb = {EventKind.LIKE: "liked", EventKind.DISLIKE: "disliked"}.get(
            EventKind(event.kind), "read"
        )
        return f"you {verb} {self._named(event)}"

    def _named(self, event: StoredEvent | Evidence) -> str:
        """Return what an event was about, quoted."""
        article = self._articles.get(event.item or "")
        return f"“{article.title if article else event.text or event.item}”"


def application(device: Device, articles: dict[str, Article], *, port: int) -> Starlette:
    """Return the reader's web application.

    Args:
        device: the reader's, open; used from the thread that serves.
        articles: by name.
        port: where it is served; requests that name another host, or forms of other sites, are
            refused, since any page that is open in the browser could send them.
    """
    pages = _Pages(device, articles)
    same_site = _SameSite(f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/search", same_site.form(pages.search), methods=["POST"]),
            Route("/articles/{name}", pages.article),
            Route("/articles/{name}/react", same_site.form(pages.react), methods=["POST"]),
            Route("/interests", pages.interests),
            Route("/interests/edit", same_site.form(pages.edit), methods=["POST"]),
            Route("/privacy", pages.privacy),
            Route("/privacy/forget", same_site.form(pages.forget), methods=["POST"]),
            Route("/privacy/export", pages.export),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={PenchantError: pages.failed, HTTPException: pages.failed},
    )


class _SameSite:
    """Lets through only forms that one of our own pages sent."""

    def __init__(self, *origins: str) -> None:
        self._origins = origins

    def form(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return ``handler``, called only for forms of ours."""

        async def checked(request: Request) -> Response:
            if request.headers.get("origin") not in self._origins:
                raise HTTPException(403, "This form was not sent by the reader's own page.")
            return await handler(request)

        return checked


def _back(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value:
        raise HTTPException(400, f"The form has no {name}.")
    return value


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%d %b %Y, %H:%M}"
