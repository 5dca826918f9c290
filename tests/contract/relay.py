"""Stands between a broker and its venue and changes answers, for what no exchange does on demand."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

_FOR_THIS_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}

#: What was asked (fields of the form) and the parsed answer in, the answer that goes out.
Change = Callable[[dict[str, str], Any], Any]


class Relay(ThreadingHTTPServer):
    """Passes requests on to one address.

    Attributes:
        changes: by method, as the last part of the path names it.
        asked: method and fields of every request, in the order in which they came.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.changes: dict[str, Change] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

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
        method = urlsplit(self.path).path.rpartition("/")[2]
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.server.asked.append((method, fields))
        status, content = self._ask(body)
        if method in self.server.changes:
            content = json.dumps(self.server.changes[method](fields, json.loads(content))).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        target = http.client.HTTPConnection(self.server.target.netloc, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _FOR_THIS_HOP}
            target.request(self.command, self.path, body, headers)
            answer = target.getresponse()
            return answer.status, answer.read()
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
