"""Takes WebSocket connections of any venue in and lets their sessions talk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from paper_exchange.core.asgi import Receive, Scope, Send
from paper_exchange.core.sockets import Heartbeat, Sockets, Wire


class Session(Protocol):
    """What one client may ask and hears. Every method is atomic; none waits."""

    def begin(self) -> None:
        """The connection was accepted."""

    def hear(self, text: str) -> None:
        """Answers one message of the client."""

    def end(self) -> None:
        """The client is gone."""


class SocketDoor:
    """An ASGI application for WebSocket connections only, on the paths that the venue has."""

    def __init__(
        self,
        sockets: Sockets,
        paths: Collection[str],
        open_session: Callable[[Wire], Session],
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._sockets = sockets
        self._paths = paths
        self._open_session = open_session
        self._heartbeat = heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its beginning to its end."""
        await receive()
        if scope["path"] not in self._paths:
            await _send_away(send, 404)
            return
        if self._sockets.refuses:
            await _send_away(send, 503)
            return
        await send({"type": "websocket.accept"})
        wire = self._sockets.connect(scope, send, self._heartbeat)
        session = self._open_session(wire)
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
            session.hear(message.get("text") or message.get("bytes", b"").decode("utf-8", "replace"))
        pump.cancel()


async def _send_away(send: Send, status: int) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})
