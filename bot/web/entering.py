"""Logging in and out."""

from __future__ import annotations

import math
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints

from bot.domain.events import EventKind
from bot.web.answers import SessionAnswer
from bot.web.attempts import LoginLimiter
from bot.web.door import Door, Visit
from bot.web.guard import VISIT
from bot.web.parts import PageParts
from bot.web.passwords import LONGEST_PASSWORD
from bot.web.problems import problems
from bot.web.sessions import Sessions


class LoginRequest(BaseModel):
    """The password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PASSWORD)]


class Entrance:
    """Lets people in who know the password; tells of everybody who tried."""

    def __init__(self, parts: PageParts, sessions: Sessions, door: Door, response: type[JSONResponse]) -> None:
        self._parts, self._sessions, self._door, self._response = parts, sessions, door, response
        self._limiter = LoginLimiter(parts.clock)
        # Hashing takes memory and a core: one at a time.
        self._one_at_a_time = CapacityLimiter(1)

    async def enter(self, password: str, request: Request) -> Response:
        """An answer with a cookie, or a refusal."""
        visit = visit_of(request)
        pause_s = self._limiter.admit(visit.address)
        if pause_s:
            return self._turn_away(visit, pause_s)
        right = await to_thread.run_sync(self._parts.passwords.is_right, password, limiter=self._one_at_a_time)
        if not right:
            self._tell(f"a wrong password was given to the page from {visit.address}")
            return self._response({"error": "this is not the password"}, 401)
        self._limiter.succeeded(visit.address)
        self._parts.passwords.forget_first_password()
        self._sessions.end(visit.token)
        self._tell(f"somebody logged in to the page from {visit.address}")
        return Response(
            status_code=204, headers={"set-cookie": self._door.cookie(self._sessions.begin(), request.headers)}
        )

    def leave(self, request: Request) -> Response:
        """An answer that takes the cookie away; the session is over whatever the browser does."""
        visit = visit_of(request)
        self._sessions.end(visit.token)
        self._tell(f"somebody logged out of the page from {visit.address}")
        return Response(status_code=204, headers={"set-cookie": self._door.no_cookie(request.headers)})

    def _turn_away(self, visit: Visit, pause_s: float) -> Response:
        # Once a pause: who hammers shall not fill the audit log.
        if self._limiter.turned_away(visit.address) == 1:
            self._tell(
                f"too many wrong passwords were given to the page: {visit.address} has to wait {math.ceil(pause_s)} s",
                serious=True,
            )
        seconds = str(math.ceil(pause_s))
        return self._response(
            {"error": f"too many wrong passwords: try again in {seconds} s"}, 429, {"retry-after": seconds}
        )

    def _tell(self, text: str, *, serious: bool = False) -> None:
        self._parts.events.tell(EventKind.LOGIN, text, serious=serious)


def entering_routes(entrance: Entrance, sessions: Sessions) -> APIRouter:
    """Login, logout, and the own session."""
    routes = APIRouter(prefix="/api", tags=["session"])

    @routes.post(
        "/login", status_code=204, response_class=Response, responses=problems(400, 401, 403, 408, 413, 422, 429)
    )
    async def post_login(request: Request, login: LoginRequest) -> Response:
        """Log in; the cookie is the session."""
        return await entrance.enter(login.password, request)

    @routes.post("/logout", status_code=204, response_class=Response, responses=problems(400, 401, 403, 408, 413))
    async def post_logout(request: Request) -> Response:
        """Log out."""
        return entrance.leave(request)

    @routes.get("/session", responses=problems(400, 401))
    async def get_session(request: Request) -> SessionAnswer:
        """The own session."""
        return SessionAnswer(expires_at=sessions.expires_at(visit_of(request).token) or 0.0)

    return routes


def visit_of(request: Request) -> Visit:
    """Who asks."""
    visit = request.scope[VISIT]
    assert isinstance(visit, Visit)
    return visit
