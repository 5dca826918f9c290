"""The web server as a service of the bot: a thread with a loop of its own."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

from bot.runtime.service import Service
from bot.web.application import make_application
from bot.web.door import Door
from bot.web.feed import Feed
from bot.web.parts import PageParts
from bot.web.passwords import PasswordStore
from bot.web.protocol import LimitedProtocol
from bot.web.sessions import Sessions
from bot.web.showing import Showing

_log = logging.getLogger("nija.web")

#: Connections at once, streams among them.
_MOST_CONNECTIONS = 100
#: Connections at once, those among them that have said nothing yet.
_MOST_OPEN = 150
#: Seconds for requests to end once the page is asked to; streams end at once.
_END_WITHIN_S = 1
_BIND_AGAIN_S = 10.0
_LARGEST_HEAD = 16 * 1024


class _CountingSocket(socket.socket):
    """Lets in so many connections at once, from their first packet on, and hangs up on all others.

    uvicorn counts them later: those that never begin with TLS not at all, and what it refuses stays open meanwhile.
    Each takes a file descriptor, and so do the venues' connections and the ledger.
    """

    def __init__(self, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self._let_in: list[socket.socket] = []

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self._let_in = [one for one in self._let_in if one.fileno() >= 0]
        if len(self._let_in) >= _MOST_OPEN:
            connection.close()
            raise ConnectionAbortedError("too many connections")
        self._let_in.append(connection)
        return connection, address


class WebServer(Service):
    """The page. Where its port is taken, it says so once, tries again now and then, and the bot goes on without it."""

    def __init__(self, parts: PageParts) -> None:
        super().__init__("web page")
        self._parts = parts
        self.sessions = Sessions(parts.clock, lambda: parts.passwords.generation)
        showing = Showing(parts)
        self._feed = Feed(parts, showing)
        door = Door(parts.address, self.sessions, parts.metrics_token, lambda: self.port)
        self.application = make_application(parts, self.sessions, self._feed, showing, door)
        self.port = parts.address.port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        """Where the page is, once it listens."""
        return self._parts.address.url(self.port)

    @property
    def listeners(self) -> int:
        """How many hear the stream of events."""
        return self._feed.listeners

    def start(self) -> None:
        """Begin. Makes the password at the first start, and shows it once.

        Raises:
            SettingsError: the password's file cannot be used.
        """
        show_first_password(self._parts.passwords)
        try:
            self._socket = self._bind()
        except OSError as error:
            _log.error("❌ %s", self._why_not_bound(error))
        super().start()

    def stop(self) -> None:
        """Ask to end; returns at once. Streams end, requests get a second."""
        super().stop()
        server = self._server
        if server is not None:
            server.should_exit = True

    def _run(self) -> None:
        while self._socket is None:
            if self._stop.wait(_BIND_AGAIN_S):
                return
            self._try_to_bind()
        bound, self._socket = self._socket, None
        with bound:
            self._serve(bound)

    def _serve(self, bound: socket.socket) -> None:
        address = self._parts.address
        config = uvicorn.Config(
            self.application,
            host=address.host,
            port=self.port,
            http=LimitedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_END_WITHIN_S,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
        )
        server = _Server(config, self._feed.close)
        self._server = server
        if self._stop.is_set():
            return
        _log.info("🌐 the page is at %s", self.url)
        server.run(sockets=[bound])

    def _bind(self) -> socket.socket:
        address = self._parts.address
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        bound = _CountingSocket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((address.host, address.port))
            bound.listen(_MOST_CONNECTIONS)
        except BaseException:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        return bound

    def _try_to_bind(self) -> None:
        try:
            self._socket = self._bind()
        except OSError as error:
            _log.debug("%s", self._why_not_bound(error))

    def _why_not_bound(self, error: OSError) -> str:
        address = self._parts.address
        if error.errno == errno.EADDRINUSE:
            why = f"port {address.port} of {address.host} is in use; end the program that has it, or set WEB_PORT"
        else:
            why = f"{address.host}:{address.port} cannot be used ({error.strerror or error}); check WEB_HOST, WEB_PORT"
        return f"there is no page: {why}. The bot goes on without it"


class _Server(uvicorn.Server):
    """Ends the streams before it waits for their connections."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)


def show_first_password(passwords: PasswordStore) -> None:
    """Where there is no password yet: make one, and show it on the terminal, or else leave it in a file.

    Raises:
        SettingsError: its file cannot be used.
    """
    password = passwords.prepare()
    if password is None:
        return
    if sys.stderr.isatty():
        sys.stderr.write(f"\n🔑 The password of the page, shown this once: {password}\n\n")
        sys.stderr.flush()
        return
    passwords.keep_first_password(password)
    _log.warning(
        "🔑 the password of the page is in %s; the file goes with the first login", passwords.first_password_file
    )
