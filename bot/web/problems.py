"""What goes wrong in a request, as the API tells it: one line under ``error``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.domain.errors import LedgerUnavailable, NijaError
from bot.web.answers import Problem

_log = logging.getLogger("nija.web")

_MEANINGS = {
    400: "The request cannot be read, or is addressed to a host that the page does not answer to.",
    401: "Nobody is logged in, or the password is wrong.",
    403: "It did not come from the page itself.",
    404: "There is no such thing.",
    408: "It did not arrive in time.",
    413: "It is too large.",
    422: "A field is missing or wrong.",
    429: "Too many wrong passwords: wait for as long as Retry-After says.",
    503: "The ledger cannot be read or written now, or too many listen.",
}
#: What the web server's errors say by themselves.
_SAID = {404: "there is nothing here", 405: "this cannot be done here"}


class NotFound(NijaError):
    """There is no such thing."""


class Busy(NijaError):
    """Not now."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that a path may give instead, for the documentation."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}


def handle_problems(app: FastAPI, response: type[JSONResponse]) -> None:
    """Give every error its answer."""

    def answer(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
        return response({"error": text}, status, headers)

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers) if error.headers else None
        return answer(error.status_code, _SAID.get(error.status_code, str(error.detail)), headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(422, _first_fault(error.errors()))

    async def missing(_: Request, error: Exception) -> JSONResponse:
        return answer(404, str(error))

    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        return answer(503, str(error))

    async def failed(_: Request, error: Exception) -> JSONResponse:
        # The traceback goes to the log; it may hold what is nobody's to see.
        return answer(500, f"a fault of the program ({type(error).__name__}); the log has more")

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(NotFound, missing)
    app.add_exception_handler(Busy, unavailable)
    app.add_exception_handler(LedgerUnavailable, unavailable)
    app.add_exception_handler(Exception, failed)


def _first_fault(faults: Sequence[Any]) -> str:
    fault = faults[0]
    # Never the value itself: it may be a password.
    place = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
