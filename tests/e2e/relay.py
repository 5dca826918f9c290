"""Stands between the bot and the exchange and remembers every key and signature that passes."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

_FOR_THIS_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}


class Relay(ThreadingHTTPServer):
    """Passes requests on to one address.

    Attributes:
        signatures: every ``API-Sign`` that was sent.
        bodies: every form that was sent.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.signatures: set[str] = set()
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        """Where to send requests."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay
    timeout: ClassVar[int] = 30

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "API-Sign" in self.headers:
            self.server.signatures.add(self.headers["API-Sign"])
            self.server.bodies.append(body)
        target = http.client.HTTPConnection(self.server.target.netloc, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _FOR_THIS_HOP}
            target.request(self.command, self.path, body, headers)
            answer = target.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _FOR_THIS_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        finally:
            target.close()

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """A relay for as long as the context lasts."""
    with Relay(target) as relay:
        thread = threading.Thread(target=relay.serve_forever, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()
