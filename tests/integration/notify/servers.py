"""Where notifications go in tests: an HTTP server that can be told how to behave, and a mail server in a few lines."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HookServer(ThreadingHTTPServer):
    """Takes messages by POST.

    Attributes:
        mode: ``accept``; ``refuse`` with 401; ``hang`` without an answer; ``slow``: accept after half a second;
            ``drip``: an answer that never ends.
        took: title and message of what was accepted.
        asked: how many requests came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.mode = "accept"
        self.took: list[tuple[str, str]] = []
        self.asked = 0
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.took]


class _Hook(BaseHTTPRequestHandler):
    server: HookServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        server.asked += 1
        if server.mode == "hang":
            server.over.wait(60)
            return
        if server.mode == "slow":
            server.over.wait(0.5)
        if server.mode == "drip":
            self._drip()
            return
        if server.mode == "refuse":
            self.send_error(401)
            return
        server.took.append((body["title"], body["message"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.server.over.wait(0.2):
            self.wfile.write(b".")
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@contextmanager
def hooks() -> Iterator[HookServer]:
    """A server for as long as the context lasts."""
    server = HookServer()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail; ``mails`` has them as they came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.mails: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Mail(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            word = line.split(maxsplit=1)[0].upper() if line.strip() else b""
            if word == b"DATA":
                self._say("354 go on")
                self.server.mails.append(self._mail())
            elif word == b"QUIT":
                self._say("221 bye")
                return
            self._say("250 fine")

    def _mail(self) -> str:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode())
        return "".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mails() -> Iterator[MailServer]:
    """A mail server for as long as the context lasts."""
    server = MailServer()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
