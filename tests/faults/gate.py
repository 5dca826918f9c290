"""A door between the bot and the exchange that can be shut: connections break, new ones are refused."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = 65536


class Gate:
    """Passes bytes on to one address while it is open; always at the same port."""

    def __init__(self, target: str) -> None:
        place = urlsplit(target)
        self._target = (place.hostname, place.port)
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._listener: socket.socket | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        """Where to send requests."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Let everybody in."""
        self._listener = listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        self._port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self, but_for: str = "") -> None:
        """Break every connection and refuse new ones.

        Args:
            but_for: an API key whose connection stays.
        """
        listener, self._listener = self._listener, None
        if listener is not None:
            # An accept that waits would let one more in.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            broken = [pair for pair in self._pairs if not but_for or but_for not in pair.keys]
            self._pairs = [pair for pair in self._pairs if pair not in broken]
        for pair in broken:
            pair.reset()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            pair = _Pair(client, socket.create_connection(self._target))
            with self._lock:
                self._pairs.append(pair)


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client, self._server = client, server
        self.keys = ""
        for one, other, heard in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._pass_on, args=(one, other, heard), daemon=True).start()

    def reset(self) -> None:
        for one in (self._client, self._server):
            # The other side may have closed it already.
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                # A thread that reads it keeps a socket alive past its close.
                one.shutdown(socket.SHUT_RD)
            one.close()

    def _pass_on(self, one: socket.socket, other: socket.socket, heard: bool) -> None:
        try:
            while chunk := one.recv(_CHUNK):
                if heard and not self.keys:
                    self.keys = chunk.decode("latin-1")
                other.sendall(chunk)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def gate_to(target: str) -> Iterator[Gate]:
    """A gate for as long as the context lasts."""
    gate = Gate(target)
    try:
        yield gate
    finally:
        gate.shut()
