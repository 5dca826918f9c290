"""Takes WebSocket connections in and lets their sessions talk."""

from __future__ import annotations

import asyncio

from paper_exchange.core.asgi import Receive, Scope, Send
from paper_exchange.core.sockets import Wire
from paper_exchange.kraken.venue import Kraken
from paper_exchange.kraken.websocket.session import Session

PATH = "/v2/private"
_PATHS = frozenset({PATH, "/v2"})
_HEARTBEAT = '{"channel":"heartbeat"}'
_HEARTBEAT_S = 1.0


class SocketDoor:
    """The private WebSocket v2, as an ASGI application for connections of that kind only."""

    def __init__(self, venue: Kraken) -> None:
        self._venue = venue
        self._sockets = venue.exchange.sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its beginning to its end."""
        await receive()
        if scope["path"] not in _PATHS:
            await _send_away(send, 404)
            return
        if self._sockets.refuses:
            await _send_away(send, 503)
            return
        await send({"type": "websocket.accept"})
        wire = self._sockets.connect(scope, send, _HEARTBEAT, _HEARTBEAT_S)
        session = Session(self._venue, wire)
        try:
            await _talk(receive, session, wire)
        finally:
            session.end()
            self._sockets.disconnect(wire)


async def _talk(receive: Receive, session: Session, wire: Wire) -> None:
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(wire.pump())
        session.begin()
        while (message := await receive())["type"] == "websocket.receive":
            session.hear(message.get("text") or "")
        pump.cancel()


async def _send_away(send: Send, status: int) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})
