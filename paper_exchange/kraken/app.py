"""The HTTP door: a raw ASGI application, so that little stands between the socket and the engine."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paper_exchange.core.faults import Fault, FaultMoment
from paper_exchange.core.journal import Request
from paper_exchange.kraken import faults
from paper_exchange.kraken.errors import UNKNOWN_METHOD, KrakenError
from paper_exchange.kraken.routes import PRIVATE, PUBLIC
from paper_exchange.kraken.venue import NAME, Answer, Incoming, Kraken, failure

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CONNECTION = "paper_exchange.connection"
_PUBLIC_PREFIX = "/0/public/"
_PRIVATE_PREFIX = "/0/private/"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_JSON = b"application/json"
_TEXT = {b"api-key": "api_key", b"api-sign": "api_sign", b"content-type": "content_type"}


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, which also tells the application its transport, so that a connection can be reset."""

    def on_message_begin(self) -> None:
        """Starts a request."""
        super().on_message_begin()
        self.scope[_CONNECTION] = self.transport  # type: ignore[literal-required]


class KrakenApp:
    """Answers `/0/public/*` and `/0/private/*`; always HTTP 200 but for unknown methods and ordered faults."""

    def __init__(self, venue: Kraken) -> None:
        self._venue = venue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        arrived_ns = time.monotonic_ns()
        if scope["type"] != "http":
            return
        incoming = _incoming(scope)
        if incoming is None:
            await _send(send, 404, failure(KrakenError(UNKNOWN_METHOD)).body)
            return
        if scope["method"] != "GET":
            incoming.body = await _body(receive)
        request = Request(None, NAME, incoming.method, arrived_ns)
        self._venue.exchange.journal.note(request)
        latency_ms = self._venue.exchange.settings.latency_ms
        if latency_ms > 0:
            await asyncio.sleep(latency_ms / 1000)
        await self._serve(scope, send, incoming, request)

    async def _serve(self, scope: Scope, send: Send, incoming: Incoming, request: Request) -> None:
        if incoming.private:
            key = self._venue.keys.by_key.get(incoming.api_key)
            request.account = key.account.name if key is not None else None
        fault = self._strike(incoming, request.account)
        if fault is not None:
            request.fault = fault.fault_id
            await self._serve_with(fault, scope, send, incoming, request)
            return
        answer = self._venue.run_private(incoming) if incoming.private else self._venue.run_public(incoming)
        _note(request, answer)
        request.answered_ns = time.monotonic_ns()
        await _send(send, 200, answer.body)

    def _strike(self, incoming: Incoming, account: str | None) -> Fault | None:
        armed = self._venue.exchange.faults
        if not armed.armed:
            return None
        return armed.strike(NAME, account, incoming.method, faults.fitting(incoming))

    async def _serve_with(self, fault: Fault, scope: Scope, send: Send, incoming: Incoming, request: Request) -> None:
        connection: asyncio.Transport = scope[_CONNECTION]
        if faults.hangs(fault) and fault.moment is FaultMoment.BEFORE:
            await asyncio.sleep(fault.seconds)
            if connection.is_closing():
                return
        answer = faults.execute(self._venue, fault, incoming, lambda late: _note_landing(request, late))
        if answer is not None:
            _note(request, answer)
        if faults.hangs(fault) and fault.moment is FaultMoment.AFTER:
            await asyncio.sleep(fault.seconds)
        if faults.resets(fault):
            _reset(connection)
            return
        reply = faults.disguise(fault, incoming, answer)
        if reply.error is not None:
            request.error = reply.error
        request.answered_ns = time.monotonic_ns()
        await _send(send, reply.status, reply.body, reply.content_type)


def _note(request: Request, answer: Answer) -> None:
    request.error, request.order_id = answer.error, answer.order_id


def _note_landing(request: Request, answer: Answer) -> None:
    request.order_id = answer.order_id
    request.error = request.error or answer.error


def _incoming(scope: Scope) -> Incoming | None:
    path: str = scope["path"]
    if path.startswith(_PRIVATE_PREFIX):
        name, private = path.removeprefix(_PRIVATE_PREFIX), True
    else:
        name, private = path.removeprefix(_PUBLIC_PREFIX), False
    # Public calls take GET only: POST was switched off at the venue.
    known = name in PRIVATE if private else name in PUBLIC and scope["method"] == "GET"
    if not known or not path.startswith("/0/"):
        return None
    client = scope.get("client")
    incoming = Incoming(name, path, private, client[0] if client else "", scope["query_string"])
    for header, value in scope["headers"]:
        field = _TEXT.get(header)
        if field is not None:
            setattr(incoming, field, value.decode("latin-1"))
    return incoming


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _send(send: Send, status: int, body: bytes, content_type: bytes = _JSON) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _reset(connection: asyncio.Transport) -> None:
    # Lingering for zero seconds makes the kernel send RST instead of FIN.
    tcp = connection.get_extra_info("socket")
    if tcp is not None:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.abort()
