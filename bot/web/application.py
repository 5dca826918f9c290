"""The whole application: the API, the stream, the pages, health and metrics, behind the guard."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, select_autoescape
from jinja2.exceptions import TemplateNotFound
from prometheus_client import CONTENT_TYPE_LATEST
from sse_starlette import EventSourceResponse
from starlette.types import ASGIApp

from bot.reporting.health import reason_not_healthy
from bot.web.answers import HealthAnswer
from bot.web.asking import asking_routes
from bot.web.door import HEALTH_PATH, METRICS_PATH, STREAM_PATH, Door
from bot.web.entering import Entrance, entering_routes, visit_of
from bot.web.feed import Feed
from bot.web.guard import Guard
from bot.web.looking import looking_routes
from bot.web.parts import PageParts
from bot.web.problems import Busy, handle_problems, problems
from bot.web.sessions import Sessions
from bot.web.showing import Showing
from bot.web.text import json_response

_log = logging.getLogger("nija.web")

_HERE = Path(__file__).parent
_STATIC, _TEMPLATES = _HERE / "static", _HERE / "templates"
#: Threads that read the ledger for the page; the others belong to trading.
_THREADS = 4
_PING_S = 15
_TITLE = "NIJA copy trading"
_ABOUT = """Shows the running bot, and asks it to do things by command rows. All but `/healthz`, `POST /api/login` and
the login page need the session cookie; `/metrics` also takes the bearer token. Requests that change something need the
header `X-NIJA: 1` and an `Origin` that is the page's own. Money and sizes are decimal strings, times unix seconds."""
_SCHEME = {"session": {"type": "apiKey", "in": "cookie", "name": "__Host-nija"}}


def make_application(parts: PageParts, sessions: Sessions, feed: Feed, showing: Showing, door: Door) -> ASGIApp:
    """The application that the server runs."""
    response = json_response(parts.redact)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        feed.open()
        yield
        feed.close()

    app = FastAPI(
        title=_TITLE,
        version=parts.version,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        default_response_class=response,
        lifespan=lifespan,
    )
    app.include_router(entering_routes(Entrance(parts, sessions, door, response), sessions))
    app.include_router(looking_routes(parts, showing))
    app.include_router(asking_routes(parts))
    _add_stream(app, feed, sessions)
    _add_watching(app, parts)
    _add_pages(app, parts)
    _add_document(app)
    handle_problems(app, response)
    return Guard(app, door, tls=parts.address.tls)


def _add_stream(app: FastAPI, feed: Feed, sessions: Sessions) -> None:
    @app.get(
        STREAM_PATH,
        response_class=EventSourceResponse,
        responses=problems(400, 401, 503)
        | {
            200: {"description": "Events: hello, state, accounts, signal, event.", "content": {"text/event-stream": {}}}
        },
    )
    async def get_events(request: Request) -> EventSourceResponse:
        """What changes, as it changes: server-sent events."""
        if feed.is_full:
            raise Busy("too many listen already: close another window of the page")
        token = visit_of(request).token
        return EventSourceResponse(feed.listen(lambda: sessions.is_valid(token)), ping=_PING_S)


def _add_watching(app: FastAPI, parts: PageParts) -> None:
    @app.head(HEALTH_PATH, include_in_schema=False)
    @app.get(
        HEALTH_PATH,
        response_model=HealthAnswer,
        response_model_exclude_none=True,
        responses={503: {"model": HealthAnswer, "description": "The bot does not do its work."}},
    )
    async def healthz(response: Response) -> HealthAnswer:
        """Whether the bot does its work; tells nothing else."""
        try:
            reason = reason_not_healthy(parts.live.state())
        except Exception:
            _log.exception("the state of the bot cannot be told")
            reason = "the state of the bot cannot be told"
        if not reason:
            return HealthAnswer(status="ok")
        response.status_code = 503
        return HealthAnswer(status="failing", reason=reason)

    @app.get(
        METRICS_PATH,
        response_class=Response,
        responses=problems(400, 401) | {200: {"content": {"text/plain": {}}, "description": "Prometheus' text."}},
    )
    def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(parts.render_metrics(), headers={"content-type": CONTENT_TYPE_LATEST})


def _add_pages(app: FastAPI, parts: PageParts) -> None:
    templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(default=True))

    def page(name: str) -> HTMLResponse:
        try:
            return HTMLResponse(templates.get_template(name).render(version=parts.version))
        except TemplateNotFound:
            return HTMLResponse("<!doctype html><title>NIJA</title><p>The page is not installed; the API is.", 503)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def main_page() -> Response:
        return page("index.html")

    @app.api_route("/login", methods=["GET", "HEAD"], include_in_schema=False)
    def login_page(request: Request) -> Response:
        if visit_of(request).token:
            return RedirectResponse("/", 303)
        return page("login.html")

    if _STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=_STATIC), name="static")


def _add_document(app: FastAPI) -> None:
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
            found.setdefault("components", {})["securitySchemes"] = _SCHEME
            found["security"] = [{"session": []}]
            document.update(found)
        return document

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/api/openapi.json", responses=problems(400, 401))
    def get_document() -> dict[str, Any]:
        """This document."""
        return openapi()
