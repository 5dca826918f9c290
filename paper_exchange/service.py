"""Runs both doors in one event loop, until it is asked to stop."""

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
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop

from paper_exchange.control import Control
from paper_exchange.core.exchange import Exchange
from paper_exchange.kraken.app import Connection, KrakenApp
from paper_exchange.kraken.venue import Kraken

_KEEP_ALIVE_S = 300
_BACKLOG = 4096
_HOUSEKEEPING_S = 0.1
_PARENT_CHECK_S = 0.5
_START_CHECK_S = 0.005
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doors:
    """Where to listen; port 0 is any free one. The control API listens on loopback whatever `host` is."""

    host: str
    port: int
    control_port: int


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Two servers share this process: signals are for whoever runs both.
        yield


def run(venue: Kraken, doors: Doors, parent_pid: int | None) -> None:
    """Serves until SIGTERM, SIGINT or the end of the parent; prints one line of JSON when both ports listen."""
    listening = _bind(doors.host, doors.port), _bind("127.0.0.1", doors.control_port)
    uvloop.run(_run(venue, listening, doors.host, parent_pid))


async def _run(venue: Kraken, listening: tuple[socket.socket, socket.socket], host: str, parent: int | None) -> None:
    servers = [
        _Server(_config(KrakenApp(venue), http=Connection)),
        _Server(_config(Control(venue).app())),
    ]
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    serving = [asyncio.create_task(server.serve(sockets=[tcp])) for server, tcp in zip(servers, listening, strict=True)]
    while not all(server.started for server in servers):
        await asyncio.sleep(_START_CHECK_S)
    background = [asyncio.create_task(job) for job in _jobs(venue.exchange, parent, stopping)]
    _calm_the_collector()
    _say_ready(host, listening)
    await stopping.wait()
    for job in background:
        job.cancel()
    for server in servers:
        server.should_exit = server.force_exit = True
    await asyncio.gather(*serving, *background, return_exceptions=True)


def _jobs(exchange: Exchange, parent: int | None, stopping: asyncio.Event) -> list[Any]:
    async def move_prices() -> None:
        while True:
            await asyncio.sleep(exchange.settings.price_interval_s)
            exchange.market.step()

    async def housekeep() -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
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


def _config(app: Any, http: Any = "httptools") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
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


def _say_ready(host: str, listening: tuple[socket.socket, socket.socket]) -> None:
    shown = f"[{host}]" if ":" in host else host
    kraken_port, control_port = (tcp.getsockname()[1] for tcp in listening)
    ready = {
        "ready": True,
        "kraken_url": f"http://{shown}:{kraken_port}",
        "control_url": f"http://127.0.0.1:{control_port}",
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
