"""A server on a raw socket that counts what arrives and misbehaves to order."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

#: What became of a request, told by the script: True keeps the connection, False has closed it.
Script = Callable[["Peer", "Arrived"], bool]


@dataclass
class Arrived:
    """A request as it came: ``number`` counts from 1 over all connections."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """One connection, with the ways to answer or not to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def answer(self, body: bytes = b"{}", status: str = "200 OK", headers: str = "") -> bool:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n{headers}\r\n"
        self._connection.sendall(head.encode() + body)
        return True

    def answer_json(self, value: Any, status: str = "200 OK") -> bool:
        return self.answer(json.dumps(value).encode(), status, "Content-Type: application/json\r\n")

    def raw(self, content: bytes) -> bool:
        self._connection.sendall(content)
        return True

    def close(self) -> bool:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        return False

    def reset(self) -> bool:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()
        return False


@dataclass
class RawServer:
    """Runs a script on every request that arrives, one thread a connection."""

    script: Script
    tls: ssl.SSLContext | None = None
    answers_handshakes: bool = True
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopped = threading.Event()
        self._guard = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                # Closing alone does not end a connection that a thread still reads from.
                connection.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                connection.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.arrived]

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if not self.answers_handshakes:
            self._stopped.wait()
            return
        with suppress(OSError, ssl.SSLError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            buffer = b""
            while True:
                request, buffer = self._read(connection, buffer)
                if request is None or not self.script(Peer(connection), request):
                    return

    def _read(self, connection: socket.socket, buffer: bytes) -> tuple[Arrived | None, bytes]:
        while b"\r\n\r\n" not in buffer:
            chunk = connection.recv(65536)
            if not chunk:
                return None, b""
            buffer += chunk
        head, _, rest = buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _version = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            rest += connection.recv(65536)
        with self._guard:
            request = Arrived(len(self.arrived) + 1, method, path, headers, rest[:length])
            self.arrived.append(request)
        return request, rest[length:]


def always(peer: Peer, request: Arrived) -> bool:
    """Answers everything with ``{}``."""
    return peer.answer()
