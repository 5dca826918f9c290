"""Stands in front of everything: checks each request at the door, bounds it, and puts headers on each answer."""

from __future__ import annotations

import asyncio
import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.domain.errors import SettingsError
from bot.web.door import LOGIN_PAGE, SAFE_METHODS, STATIC_PATHS, Door, Refusal, Visit

_log = logging.getLogger("nija.web")

#: Where a request's :class:`Visit` is found in its scope.
VISIT = "nija.visit"
_LARGEST_BODY = 16 * 1024
_BODY_WITHIN_S = 10.0

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_STRICT_TRANSPORT = "max-age=31536000"


class Guard:
    """An ASGI application around another one: whatever is added inside is closed to who is not logged in."""

    def __init__(self, app: ASGIApp, door: Door, *, tls: bool) -> None:
        self._app, self._door, self._tls = app, door, tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, self._with_headers(scope["path"], send))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        try:
            token = self._door.check(method, path, Headers(scope=scope))
        except SettingsError as error:
            # The password's file is gone or spoilt: nobody is let in until it is mended.
            _log.error("❌ %s", error)
            token = Refusal(503, "the page's password cannot be read; the log says why")
        if isinstance(token, Refusal):
            await _refuse(token, method, path)(scope, receive, send)
            return
        client = scope.get("client")
        scope[VISIT] = Visit(token, client[0] if client else "")
        if method not in SAFE_METHODS:
            body = await _body(Headers(scope=scope), receive)
            if isinstance(body, Refusal):
                await _refuse(body, method, path)(scope, receive, send)
                return
            receive = _again(body, receive)
        await self._app(scope, receive, send)

    def _with_headers(self, path: str, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if self._tls:
                    headers["strict-transport-security"] = _STRICT_TRANSPORT
                # Scripts and styles are asked about each time; everything else is nobody's to keep.
                headers["cache-control"] = "no-cache" if path.startswith(STATIC_PATHS) else "no-store"
            await send(message)

        return wrapped


def _refuse(refusal: Refusal, method: str, path: str) -> Response:
    if refusal.status == 401 and path == "/" and method in SAFE_METHODS:
        return RedirectResponse(LOGIN_PAGE, 303)
    headers = {"connection": "close"} if refusal.status in (408, 413) else None
    return JSONResponse({"error": refusal.error}, refusal.status, headers)


async def _body(headers: Headers, receive: Receive) -> bytes | Refusal:
    too_large = Refusal(413, f"the request is larger than {_LARGEST_BODY} bytes")
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > len(str(_LARGEST_BODY)) or int(announced) > _LARGEST_BODY:
        return too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            while True:
                message = await receive()
                body += bytes(message.get("body", b""))
                if len(body) > _LARGEST_BODY:
                    return too_large
                if message["type"] != "http.request" or not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return Refusal(408, f"the request did not arrive within {_BODY_WITHIN_S:.0f} s")


def _again(body: bytes, receive: Receive) -> Receive:
    """Hands out a body that was read, then goes on with what follows."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def wrapped() -> Message:
        return waiting.pop() if waiting else await receive()

    return wrapped
