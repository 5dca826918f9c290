"""One WebSocket connection: JSON in and out, and when the other side was heard last."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import certifi
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import Close, Opcode
from websockets.protocol import Event
from websockets.sync.client import ClientConnection, connect

from bot.brokers.exact import EXACT_NUMBERS
from bot.brokers.failures import one_line
from bot.brokers.stream.conversation import Message
from bot.brokers.stream.interruptions import Interrupted
from bot.domain.ports import Clock

#: A page of a venue's open orders is far smaller, bytes.
_LARGEST_MESSAGE = 4 * 2**20


class Wire:
    """A connection that is open. One thread sends and receives; any thread may close it."""

    def __init__(self, connection: _Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    @property
    def silent_s(self) -> float:
        """Seconds since the last message or pong came in."""
        return max(0.0, (self._clock.monotonic_ns() - self._connection.heard_ns) / 1e9)

    def send(self, message: Message) -> None:
        """Send one message. Raises Interrupted when the connection is gone."""
        text = json.dumps(message)
        try:
            self._connection.send(text)
        except ConnectionClosed as closed:
            raise Interrupted(_why(closed)) from None

    def ping(self) -> None:
        """Ask for a sign of life with a frame of the protocol. Raises Interrupted when the connection is gone."""
        try:
            self._connection.ping()
        except ConnectionClosed as closed:
            raise Interrupted(_why(closed)) from None

    def receive(self, within_s: float) -> Message | None:
        """The next message, its numbers exact; None when there is none in time.

        Raises:
            Interrupted: the connection is gone, or the message is no JSON object.
        """
        try:
            return _read(self._connection.recv(timeout=max(0.0, within_s)))
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            raise Interrupted(_why(closed)) from None

    def close(self) -> None:
        """Close it at once, without a word: the other side may be one that does not answer."""
        self._connection.close_socket()


def open_wire(url: str, clock: Clock, open_s: float, ca_file: str | None = None) -> Wire:
    """Connect; TLS is always verified, no proxy is used, no redirect followed.

    Args:
        open_s: for TCP, and again for TLS and the opening handshake, seconds.
        ca_file: PEM file of trusted authorities; certifi's when None.

    Raises:
        Interrupted: there is no connection; the text says why.
    """

    def make(*arguments: Any, **options: Any) -> _Connection:
        return _Connection(clock, *arguments, **options)

    # Loaded anew for each connection: they are rare, and the file may have been renewed.
    secure = urlsplit(url).scheme == "wss"
    try:
        context = ssl.create_default_context(cafile=ca_file or certifi.where()) if secure else None
        connection = connect(
            url,
            ssl=context,
            open_timeout=open_s,
            compression=None,
            max_size=_LARGEST_MESSAGE,
            logger=_muted_logger(),
            create_connection=cast("type[ClientConnection]", make),
        )
    except (OSError, EOFError, ValueError, WebSocketException) as error:
        raise Interrupted(_why_not(error)) from None
    assert isinstance(connection, _Connection)
    return Wire(connection, clock)


class _Connection(ClientConnection):
    """The library's, which also remembers when something came in.

    A ping of the other side does not count: an edge server may send it while nothing behind it lives.
    """

    # The library sets it a moment after it has started the thread that needs it when the connection breaks.
    recv_exc: BaseException | None = None

    def __init__(self, clock: Clock, *arguments: Any, **options: Any) -> None:
        self._clock = clock
        self.heard_ns = clock.monotonic_ns()
        super().__init__(*arguments, **options)

    def close_socket(self) -> None:
        # The library does this from either thread and feeds the end of the stream to its protocol without the lock
        # under which the other one may just be feeding it. First the shutdown: it frees whoever holds the lock.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with self.protocol_mutex:
            super().close_socket()

    def process_event(self, event: Event) -> None:
        if getattr(event, "opcode", None) is not Opcode.PING:
            self.heard_ns = self._clock.monotonic_ns()
        super().process_event(event)


def _muted_logger() -> logging.Logger:
    # At debug level the library writes whole frames, tokens and keys included.
    logger = logging.getLogger("nija.stream.frames")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _read(text: str | bytes) -> Message:
    try:
        message = json.loads(text, **EXACT_NUMBERS)
    except (ValueError, RecursionError, ArithmeticError) as error:
        # The error's own text may hold a part of the message.
        raise Interrupted(f"a message is no JSON ({type(error).__name__})") from None
    if not isinstance(message, dict):
        raise Interrupted("a message is no JSON object")
    return message


def _why(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None:
        return f"closed by the venue: {_shown(closed.rcvd)}"
    if closed.sent is not None:
        return f"closed for what came in: {_shown(closed.sent)}"
    return "the connection was lost"


def _shown(close: Close) -> str:
    return one_line(f"{int(close.code)} {close.reason}".strip())


def _why_not(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"no connection: HTTP {error.response.status_code}"
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"no connection: the certificate is not to be trusted ({one_line(error.verify_message)})"
    said = one_line(error.strerror or "") if isinstance(error, OSError) else ""
    return f"no connection ({said or type(error).__name__})"
