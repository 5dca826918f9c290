"""Runs the doors of all venues and the control API in one event loop, until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop

from paper_exchange.control import Control
from paper_exchange.core.http import Connection
from paper_exchange.core.sockets import SocketConnection
from paper_exchange.core.venue import Venue

_KEEP_ALIVE_S = 300
_BACKLOG = 4096
_HOUSEKEEPING_S = 0.1
_PARENT_CHECK_S = 0.5
_START_CHECK_S = 0.005
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doors:
    """Where to listen: `ports` by venue, 0 (as for venues that are not in it) is any free one.

    The control API listens on loopback whatever `host` is.
    """

    host: str
    ports: Mapping[str, int]
    control_port: int


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn looks for it ten times a second, and four servers would never be idle."""
        await self.on_tick(0)
        await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Several servers share this process: signals are for whoever runs all.
        yield


def run(venues: Mapping[str, Venue], doors: Doors, parent_pid: int | None) -> None:
    """Serves until SIGTERM, SIGINT or the end of the parent; prints one line of JSON when all ports listen."""
    listening = {name: _bind(doors.host, doors.ports.get(name, 0)) for name in venues}
    control = _bind("127.0.0.1", doors.control_port)
    uvloop.run(_run(venues, listening, control, doors.host, parent_pid))


async def _run(
    venues: Mapping[str, Venue],
    listening: Mapping[str, socket.socket],
    control: socket.socket,
    host: str,
    parent: int | None,
) -> None:
    stopping = asyncio.Event()
    servers = [(_Server(_venue_config(venue), stopping), listening[name]) for name, venue in venues.items()]
    servers.append((_Server(_config(Control(venues).app()), stopping), control))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    serving = [asyncio.create_task(server.serve(sockets=[tcp])) for server, tcp in servers]
    while not all(server.started for server, _ in servers):
        await asyncio.sleep(_START_CHECK_S)
    background = [asyncio.create_task(job) for job in _jobs(venues, parent, stopping)]
    _calm_the_collector()
    _say_ready(host, venues, listening, control)
    await stopping.wait()
    for job in background:
        job.cancel()
    for server, _ in servers:
        server.should_exit = server.force_exit = True
    await asyncio.gather(*serving, *background, return_exceptions=True)


def _jobs(venues: Mapping[str, Venue], parent: int | None, stopping: asyncio.Event) -> list[Any]:
    exchanges = [venue.exchange for venue in venues.values()]

    async def move_prices() -> None:
        while True:
            await asyncio.sleep(exchanges[0].settings.price_interval_s)
            now = exchanges[0].clock.now()
            for exchange in exchanges:
                exchange.market.step(now)

    async def housekeep() -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            for exchange in exchanges:
                exchange.housekeep()

    jobs = [_kept_alive(move_prices), _kept_alive(housekeep)]
    return jobs if parent is None else [*jobs, _watch_parent(parent, stopping)]


async def _kept_alive(job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
        except Exception:
            _log.exception("a background job failed and is started again")


async def _watch_parent(parent: int, stopping: asyncio.Event) -> None:
    while _is_running(parent):
        await asyncio.sleep(_PARENT_CHECK_S)
    stopping.set()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _venue_config(venue: Venue) -> uvicorn.Config:
    return _config(venue.app(), http=Connection, ws="none" if venue.socket_path is None else SocketConnection)


def _config(app: Any, http: Any = "httptools", ws: Any = "none") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws=ws,
        # A silent connection must be silent: neither pings of the protocol nor their time-out.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((host, port))
    return tcp


def _calm_the_collector() -> None:
    # Orders and the journal live as long as the process: walking through all of them again and again would show up as
    # pauses in the latencies that clients measure.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000_000)


def _say_ready(
    host: str, venues: Mapping[str, Venue], listening: Mapping[str, socket.socket], control: socket.socket
) -> None:
    shown = f"[{host}]" if ":" in host else host
    urls = {f"{name}_url": f"http://{shown}:{tcp.getsockname()[1]}" for name, tcp in listening.items()}
    for name, venue in venues.items():
        if venue.socket_path is not None:
            urls[f"{name}_ws_url"] = urls[f"{name}_url"].replace("http", "ws", 1) + venue.socket_path
    ready = {"ready": True, **urls, "control_url": f"http://127.0.0.1:{control.getsockname()[1]}"}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
