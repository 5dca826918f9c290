"""A line to a database server that can be cut, at a moment of one's choice."""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import make_url


class Cut(Enum):
    """When the line is cut: the order to commit is on its way, or its answer is."""

    BEFORE_THE_COMMIT = "before"
    AFTER_THE_COMMIT = "after"


class Line:
    """Takes connections on a port of its own and passes them on to the server's socket.

    Attributes:
        open: whether connections are taken.
    """

    def __init__(self, to: Path) -> None:
        self._to = str(to)
        self._taking = socket.create_server(("127.0.0.1", 0))
        self._cut: Cut | None = None
        self._stays_cut = False
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._take)]
        self.open = True

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._taking.shutdown(socket.SHUT_RDWR)
        self._taking.close()
        self._hang_up()
        for thread in self._threads:
            thread.join(30)

    def url(self, direct: str) -> str:
        """The URL that leads over this line."""
        host, port = self._taking.getsockname()
        query = {name: value for name, value in make_url(direct).query.items() if name not in ("host", "port")}
        return make_url(direct).set(host=host, port=port, query=query).render_as_string(hide_password=False)

    def cut_at_next_commit(self, when: Cut, *, stays_cut: bool) -> None:
        """Cut it once; afterwards connections are taken again, or not until ``open`` is set."""
        self._cut, self._stays_cut = when, stays_cut

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._taking.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._to)
            self._ends += [client, server]
            for thread in (
                threading.Thread(target=self._pass_on, args=(client, server)),
                threading.Thread(target=self._pass_back, args=(server, client)),
            ):
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._cut is Cut.BEFORE_THE_COMMIT and b"COMMIT" in data:
                    self._end_here()
                server.sendall(data)
        server.close()

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._cut is Cut.AFTER_THE_COMMIT and b"COMMIT\0" in data:
                    self._end_here()
                client.sendall(data)
        client.close()

    def _end_here(self) -> None:
        self._cut, self.open = None, not self._stays_cut
        self._hang_up()

    def _hang_up(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends = []
