"""WebSocket connections of any venue: sending in order, heartbeats, and the troubles that a test gives them."""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from paper_exchange.core.asgi import Scope, Send, reset

_CONNECTION = "paper_exchange.socket"
_NORMAL_CLOSURE = 1000


class SocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which the application can also silence and cut.

    `silent_until` is a time of the event loop: before it, pings of the protocol stay without an answer.
    """

    silent_until = 0.0

    async def run_asgi(self) -> None:
        """Serves the connection."""
        self.scope[_CONNECTION] = self  # type: ignore[literal-required]
        await super().run_asgi()

    def handle_ping(self) -> None:
        """Answers a ping of the protocol, unless it is silent."""
        if self.loop.time() < self.silent_until:
            self.conn.data_to_send()
            return
        super().handle_ping()

    def cut(self) -> None:
        """Ends the connection without a closing handshake."""
        reset(self.transport)


class Heartbeat(NamedTuple):
    """A message that goes out after so many seconds without another."""

    text: str
    after_s: float


class Wire:
    """The sending side of one connection: what is given to it goes out in order, in the background.

    Text goes out in text frames, bytes in binary ones. The heartbeat, if there is one, goes out while `beating`.
    `accounts` are the names of those who are told something here, `channels` the last number of each thing that they
    are told. It must be made in a running event loop.
    """

    def __init__(
        self, number: int, scope: Scope, send: Send, delays: Delays, heartbeat: Heartbeat | None = None
    ) -> None:
        self.number = number
        self.accounts: set[str] = set()
        self.channels: dict[str, int] = {}
        self.sent = 0
        self.beating = False
        self._connection: SocketConnection = scope[_CONNECTION]
        self._send = send
        self._heartbeat = heartbeat
        self._delays = delays
        # An end of the connection waits its turn as `None`.
        self._waiting: deque[tuple[float, str | bytes | None]] = deque()
        self._ended = False
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()
        self._to_skip = self._to_repeat = 0

    @property
    def silent_for_s(self) -> float:
        """Seconds for which nothing will be sent; infinite for good."""
        return max(0.0, self._connection.silent_until - self._loop.time())

    def send(self, message: str | bytes) -> None:
        """Sends a message after all before it."""
        self._wait(message)

    def send_update(self, message: str | bytes) -> None:
        """Sends news of an account, unless it is a message that a test wants to be lost."""
        if self._to_skip:
            self._to_skip -= 1
            return
        self.send(message)
        if self._to_repeat:
            self._to_repeat -= 1
            self.send(message)

    def finish(self) -> None:
        """Ends the connection with a closing handshake after all messages before."""
        self._wait(None)

    def close(self) -> None:
        """Ends the connection with a closing handshake now, silent or not; what waits is lost."""
        self._waiting.clear()
        self._waiting.append((-math.inf, None))
        self._connection.silent_until = 0.0
        self._changed.set()

    def beat(self, wanted: bool) -> None:
        """Starts or ends the heartbeats."""
        self.beating = wanted
        self._sent_at = self._loop.time()
        self._changed.set()

    def skip(self, count: int) -> None:
        """Loses the next updates; their numbers are missing then."""
        self._to_skip += count

    def repeat(self, count: int) -> None:
        """Sends the next updates twice, under the same numbers."""
        self._to_repeat += count

    def silence(self, seconds: float | None) -> None:
        """Sends nothing for so long, `None` for good; what comes up meanwhile goes out late, but no heartbeats."""
        self._connection.silent_until = self._loop.time() + (math.inf if seconds is None else seconds)
        self._changed.set()

    def drop(self) -> None:
        """Cuts the connection."""
        self._connection.cut()

    def heal(self) -> None:
        """Ends a silence, and forgets what was to be skipped or repeated."""
        self._to_skip = self._to_repeat = 0
        self._connection.silent_until = 0.0
        self._changed.set()

    async def pump(self) -> None:
        """Sends until the other side is gone, or the connection is ended here."""
        # The client may go at any moment; its departure is noticed by whoever reads.
        with suppress(OSError):
            while not self._ended:
                await self._pause(await self._send_what_is_due())

    async def _send_what_is_due(self) -> float:
        """Sends at most one message; answers the seconds until there may be another."""
        now = self._loop.time()
        if self.silent_for_s > 0:
            return self.silent_for_s
        heartbeat = self._heartbeat if self.beating else None
        beat_at = math.inf if heartbeat is None else self._sent_at + heartbeat.after_s
        ready_at = self._waiting[0][0] if self._waiting else math.inf
        if min(beat_at, ready_at) > now:
            return min(beat_at, ready_at) - now
        message = self._waiting.popleft()[1] if heartbeat is None or ready_at <= now else heartbeat.text
        self._sent_at = now
        await self._send_now(message)
        return 0.0

    async def _send_now(self, message: str | bytes | None) -> None:
        if message is None:
            self._ended = True
            await self._send({"type": "websocket.close", "code": _NORMAL_CLOSURE})
            return
        self.sent += 1
        await self._send({"type": "websocket.send", "bytes" if isinstance(message, bytes) else "text": message})

    def _wait(self, message: str | bytes | None) -> None:
        self._waiting.append((self._loop.time() + self._delays.of(self.accounts), message))
        self._changed.set()

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._changed.wait()


class Delays:
    """How late messages of accounts are; patterns as in faults, of several that fit the latest counts."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def set(self, pattern: str | None, seconds: float) -> None:
        """Delays the messages of the accounts of a pattern, `None` for all; zero ends it."""
        name = pattern or "*"
        self._seconds.pop(name, None)
        self._seconds[name] = seconds

    def of(self, accounts: Iterable[str]) -> float:
        """The seconds for a connection of these accounts."""
        if not self._seconds:
            return 0.0
        fitting = (seconds for pattern, seconds in reversed(self._seconds.items()) if _fits(pattern, accounts))
        return next(fitting, 0.0)

    def clear(self) -> None:
        """Ends all delays."""
        self._seconds.clear()


class Sockets:
    """The open connections of one venue, and whether it takes new ones."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._refusing_until = 0.0
        self.delays = Delays()
        self.open: list[Wire] = []

    def connect(self, scope: Scope, send: Send, heartbeat: Heartbeat | None = None) -> Wire:
        """Takes in a connection that was accepted."""
        wire = Wire(next(self._numbers), scope, send, self.delays, heartbeat)
        self.open.append(wire)
        return wire

    def disconnect(self, wire: Wire) -> None:
        """Forgets a connection that is gone."""
        self.open.remove(wire)

    def of(self, pattern: str | None) -> Iterator[Wire]:
        """The open connections of the accounts of a pattern; all, for `None`."""
        return (wire for wire in list(self.open) if pattern is None or _fits(pattern, wire.accounts))

    def refuse(self, seconds: float | None) -> None:
        """Takes no new connections for so long, `None` for good."""
        now = asyncio.get_running_loop().time()
        self._refusing_until = now + (math.inf if seconds is None else seconds)

    @property
    def refuses(self) -> bool:
        """Whether a new connection is sent away."""
        return asyncio.get_running_loop().time() < self._refusing_until

    def heal(self) -> None:
        """Ends all troubles of connections."""
        self._refusing_until = 0.0
        self.delays.clear()
        for wire in self.open:
            wire.heal()


def _fits(pattern: str, accounts: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(account, pattern) for account in accounts)
