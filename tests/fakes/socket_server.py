"""A venue's socket with all the troubles that one can have: what each connection meets is a function."""

from __future__ import annotations

import http
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

#: What happens on one connection; when it returns, the server closes with code 1000.
Script = Callable[["Peer"], None]


class _Connection(ServerConnection):
    """Says nothing any more, not even pongs, once it is mute; the TCP connection stays open."""

    mute = False
    # The library sets it a moment after the thread that needs it was started.
    recv_exc: BaseException | None = None

    def close_socket(self) -> None:
        # The library's own is not safe while the other thread is at work.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with self.protocol_mutex:
            super().close_socket()

    def send_data(self) -> None:
        if self.mute:
            self.protocol.data_to_send()
            return
        super().send_data()


class Peer:
    """The server's end of one connection.

    Attributes:
        heard: what the client sent, parsed.
    """

    def __init__(self, connection: _Connection, ending: threading.Event) -> None:
        self._connection = connection
        self._ending = ending
        self.heard: list[Any] = []

    def hear(self, within_s: float = 5.0) -> Any:
        """The client's next message; TimeoutError when there is none in time."""
        message = json.loads(self._connection.recv(timeout=within_s))
        self.heard.append(message)
        return message

    def say(self, *messages: Any) -> None:
        """Send each as JSON."""
        for message in messages:
            self._connection.send(json.dumps(message))

    def say_raw(self, data: str | bytes) -> None:
        """Send it as it is: text, or a binary frame."""
        self._connection.send(data)

    def say_badly(self, text: bytes) -> None:
        """Send a text frame of bytes that are none."""
        with self._connection.send_context():
            self._connection.protocol.send_text(text)

    def ping(self) -> None:
        """Ask for a pong."""
        self._connection.ping()

    def mute(self) -> None:
        """Send nothing from now on, and answer no ping."""
        self._connection.mute = True

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close as the protocol has it."""
        self._connection.close(code, reason)

    def cut(self) -> None:
        """End the connection without a word."""
        self._connection.close_socket()

    def stay(self, answer: Callable[[Any], Any] | None = None) -> None:
        """Read on until the client is gone; ``answer`` may make a message of each that comes."""
        with suppress(ConnectionClosed):
            while not self._ending.is_set():
                with suppress(TimeoutError):
                    message = self.hear(0.1)
                    if answer is not None and (said := answer(message)) is not None:
                        self.say(said)

    def beat(self, message: Any, interval_s: float) -> None:
        """Send a message every so often until the client is gone; one that is callable makes each."""
        with suppress(ConnectionClosed):
            while not self._ending.wait(interval_s):
                self.say(message() if callable(message) else message)


class SocketServer:
    """Takes connections; the first meets the first script, and so on, all later ones the last.

    Attributes:
        status: an HTTP status to send connections away with; None takes them.
        asked: how many connections were asked for.
    """

    def __init__(self, scripts: Sequence[Script], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.status: http.HTTPStatus | None = None
        self.asked = 0
        self.peers: list[Peer] = []
        self.errors: list[BaseException] = []
        self._server: Server = serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=tls,
            process_request=self._process_request,
            create_connection=_Connection,
            close_timeout=0.2,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        scheme = "ws" if tls is None else "wss"
        self.url = f"{scheme}://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        for peer in self.peers:
            peer.cut()
        self._server.shutdown()
        self._thread.join(5)

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        with self._lock:
            self.asked += 1
        return None if self.status is None else connection.respond(self.status, "go away")

    def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)
        peer = Peer(connection, self._ending)
        with self._lock:
            script = self._scripts[min(len(self.peers), len(self._scripts) - 1)]
            self.peers.append(peer)
        try:
            script(peer)
        except (ConnectionClosed, TimeoutError):
            return
        except BaseException as error:
            self.errors.append(error)
            raise


@contextmanager
def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[SocketServer]:
    """A server that runs; no script may have failed in the end."""
    server = SocketServer(scripts, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()
    assert server.errors == []


@contextmanager
def deaf() -> Iterator[str]:
    """A URL whose server takes TCP connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """A URL where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def held_back(url: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """A URL in front of another that passes nothing on until it is let go."""
    target = urlsplit(url)
    gate = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def relay() -> None:
            client, _ = listener.accept()
            gate.wait(30)
            with client, socket.create_connection((target.hostname or "", target.port or 0)) as server:
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join(5)

        threading.Thread(target=relay, daemon=True).start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}", gate.set
        gate.set()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
