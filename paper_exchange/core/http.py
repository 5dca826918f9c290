"""The HTTP door of any venue: a raw ASGI application, so that little stands between the socket and the engine."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paper_exchange.core import fault_effects
from paper_exchange.core.asgi import Application, Receive, Scope, Send, reset
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.fault_effects import FaultAnswers
from paper_exchange.core.faults import Fault, FaultMoment
from paper_exchange.core.journal import Request
from paper_exchange.core.reply import Reply

_CONNECTION = "paper_exchange.connection"


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, which also tells the application its transport, so that a connection can be reset."""

    def on_message_begin(self) -> None:
        """Starts a request."""
        super().on_message_begin()
        self.scope[_CONNECTION] = self.transport  # type: ignore[literal-required]


@dataclass(slots=True)
class Incoming:
    """One request as it came in. `method` is the name of the call in journal and faults, `path` has no query.

    `query` and `body` are raw bytes, `address` is the client's. A venue adds the headers that it looks at.
    """

    method: str
    path: str
    address: str = ""
    query: bytes = b""
    body: bytes = b""


CallT = TypeVar("CallT", bound=Incoming)


class Protocolled(Protocol[CallT]):
    """How a venue reads and runs calls; nothing here waits."""

    name: str
    exchange: Exchange

    def read(self, scope: Scope) -> CallT | Reply:
        """The call that a request makes, or what an unknown one is answered with."""

    def account_of(self, call: CallT) -> str | None:
        """The name of the account that the call claims to be from, before anything is verified."""

    def run(self, call: CallT, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0) -> Reply:
        """Executes a call with all its checks.

        For faults: `fill_fraction` below one lets a market order fill only in part, `lag_s` lets what is read trail.
        """


class Door(Generic[CallT]):
    """Serves one venue: journal, latency, faults, then the call itself.

    `sockets` takes the WebSocket connections, of which no latency and no fault of calls is known.
    """

    def __init__(
        self, venue: Protocolled[CallT], answers: FaultAnswers[CallT], sockets: Application | None = None
    ) -> None:
        self._venue = venue
        self._answers = answers
        self._exchange = venue.exchange
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        arrived_ns = time.monotonic_ns()
        if scope["type"] != "http":
            if self._sockets is not None:
                await self._sockets(scope, receive, send)
            return
        call = self._venue.read(scope)
        if isinstance(call, Reply):
            await _send(send, call)
            return
        call.body = await _body(receive)
        request = Request(None, self._venue.name, call.method, arrived_ns)
        self._exchange.journal.note(request)
        latency_ms = self._exchange.settings.latency_ms
        if latency_ms > 0:
            await asyncio.sleep(latency_ms / 1000)
        request.account = self._venue.account_of(call)
        fault = self._strike(call, request.account)
        if fault is not None:
            request.fault = fault.fault_id
            await self._serve_with(fault, scope, send, call, request)
            return
        reply = self._venue.run(call)
        _note(request, reply)
        request.answered_ns = time.monotonic_ns()
        await _send(send, reply)

    def _strike(self, call: CallT, account: str | None) -> Fault | None:
        armed = self._exchange.faults
        if not armed.armed:
            return None
        return armed.strike(self._venue.name, account, call.method, self._answers.fitting(call))

    async def _serve_with(self, fault: Fault, scope: Scope, send: Send, call: CallT, request: Request) -> None:
        connection: asyncio.Transport = scope[_CONNECTION]
        if fault_effects.hangs(fault) and fault.moment is FaultMoment.BEFORE:
            await asyncio.sleep(fault.seconds)
            if connection.is_closing():
                return
        landed = fault_effects.execute(
            self._venue.run, self._answers, fault, call, lambda late: _note_landing(request, late)
        )
        if landed is not None:
            _note(request, landed)
        if fault_effects.hangs(fault) and fault.moment is FaultMoment.AFTER:
            await asyncio.sleep(fault.seconds)
        if fault_effects.resets(fault):
            reset(connection)
            return
        reply = fault_effects.disguise(self._answers, fault, call, landed)
        if reply.error is not None:
            request.error = reply.error
        request.answered_ns = time.monotonic_ns()
        await _send(send, reply)


def _note(request: Request, reply: Reply) -> None:
    request.error, request.order_id = reply.error, reply.order_id


def _note_landing(request: Request, reply: Reply) -> None:
    request.order_id = reply.order_id
    request.error = request.error or reply.error


async def _body(receive: Receive) -> bytes:
    # GET requests may have one too: what is left unread would be taken for the head of the next request.
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _send(send: Send, reply: Reply) -> None:
    body = reply.body
    headers = [(b"content-type", reply.content_type), (b"content-length", b"%d" % len(body)), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
