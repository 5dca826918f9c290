"""Stands between the bot and its venue: remembers what passes, and changes answers as no exchange does on demand."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

_FOR_THIS_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}

#: What was asked (the fields of query and body) and the parsed answer in, the answer that goes out.
Change = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True)
class Asked:
    """A request that passed.

    Attributes:
        method: the last part of the path.
    """

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """What query, form or JSON object name; of a field that comes several times, the first."""
        text = self.body.decode()
        content = json.loads(text) if text.startswith("{") else _first_of(text)
        return _first_of(urlsplit(self.path).query) | content


class Relay(ThreadingHTTPServer):
    """Passes requests on to one address.

    Attributes:
        changes: by method.
        asked: every request, in the order in which they came.
        clock_offset_s: how far the clock runs ahead that answers tell in their ``Date``.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.changes: dict[str, Change] = {}
        self.asked: list[Asked] = []
        self.clock_offset_s = 0.0

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
        asked = Asked(urlsplit(self.path).path.rpartition("/")[2], self.path, self.headers, body)
        self.server.asked.append(asked)
        status, headers, content = self._ask(body)
        change = self.server.changes.get(asked.method)
        if change is not None:
            content = json.dumps(change(asked.fields, json.loads(content))).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        target = http.client.HTTPConnection(self.server.target.netloc, timeout=30)
        try:
            target.request(self.command, self.path, body, dict(_passed_on(self.headers.items())))
            answer = target.getresponse()
            return answer.status, _passed_on(answer.getheaders()), answer.read()
        finally:
            target.close()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(int((timestamp or time.time()) + self.server.clock_offset_s))

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


def _first_of(text: str) -> dict[str, Any]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def _passed_on(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _FOR_THIS_HOP]
