"""`python -m paper_exchange.bench`: how many signed market orders a second one exchange process takes on one core.

The exchange runs in a process of its own, on the first core; this process signs all requests in advance and sends them
from the other cores, one at a time on each of many keep-alive connections. Every answer is read, and the books are
counted afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlencode, urlsplit

import typer
import uvloop

from paper_exchange.kraken.keys import signature

_PATH = "/0/private/AddOrder"
_FIRST_NONCE = 1_000_000


class _Client(asyncio.Protocol):
    def __init__(self, requests: list[bytes], finished: asyncio.Future[None], latencies: list[float]) -> None:
        self._requests = iter(requests)
        self._finished = finished
        self._latencies = latencies
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def start(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._finished.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return
        if b'"txid"' not in body:
            self._finished.set_exception(RuntimeError(body.decode()))
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        self._buffer = b""
        self.start()


def main(
    orders: Annotated[int, typer.Option(min=1, help="Orders in all.")] = 20_000,
    connections: Annotated[int, typer.Option(min=1, help="Accounts, each with one connection.")] = 50,
) -> None:
    """Measures signed market orders per second over HTTP keep-alive connections."""
    command = [sys.executable, "-m", "paper_exchange", "--port", "0", "--control-port", "0", "--prices", "fixed"]
    command += ["--parent-pid", str(os.getpid())]
    exchange = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert exchange.stdout is not None
        urls = json.loads(exchange.stdout.readline())
        _use_separate_cores(exchange.pid)
        typer.echo(json.dumps(_measure(urls, orders, connections, exchange.pid)))
    finally:
        exchange.terminate()
        exchange.wait()


def _measure(urls: dict[str, str], orders: int, connections: int, exchange_pid: int) -> dict[str, Any]:
    _control(urls, "PATCH", "/settings", {"rate_limits": False})
    wanted = [{"name": f"bench{number}", "balances": {"USD": "100000000"}} for number in range(connections)]
    keys = _control(urls, "POST", "/accounts", wanted)
    batches = [_signed(urls["kraken_url"], key, orders // connections) for key in keys]
    before = _processor_seconds(exchange_pid)
    seconds, latencies = uvloop.run(_send(urls["kraken_url"], batches))
    used = _processor_seconds(exchange_pid) - before
    latencies.sort()
    booked = len(_control(urls, "GET", "/books")["orders"])
    if booked != len(latencies):
        raise RuntimeError(f"{len(latencies)} answers, but {booked} orders in the books")
    return {
        "orders": booked,
        "connections": connections,
        "seconds": round(seconds, 3),
        "orders_per_second": round(booked / seconds),
        "orders_per_processor_second": round(booked / used),
        "latency_ms_median": round(1000 * latencies[len(latencies) // 2], 3),
        "latency_ms_p99": round(1000 * latencies[int(len(latencies) * 0.99)], 3),
    }


def _processor_seconds(pid: int) -> float:
    # After the name, which may hold anything: the 12th and 13th field are ticks in the program and in the kernel.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _use_separate_cores(exchange_pid: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(exchange_pid, {cores[0]})
        os.sched_setaffinity(0, set(cores[1:]))


def _signed(url: str, key: dict[str, str], count: int) -> list[bytes]:
    return [_signed_request(url, key, _FIRST_NONCE + number) for number in range(count)]


def _signed_request(url: str, key: dict[str, str], nonce: int) -> bytes:
    fields = {"nonce": nonce, "pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.0001"}
    body = urlencode(fields).encode()
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAPI-Key: {key['api_key']}\r\n"
        f"API-Sign: {_signature(key['api_secret'], nonce, body)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _signature(secret: str, nonce: int, body: bytes) -> str:
    return signature(base64.b64decode(secret), _PATH, str(nonce), body)


async def _send(url: str, batches: list[list[bytes]]) -> tuple[float, list[float]]:
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    latencies: list[float] = []
    finished = [loop.create_future() for _ in batches]
    clients = []
    for batch, future in zip(batches, finished, strict=True):
        _, client = await loop.create_connection(
            lambda batch=batch, future=future: _Client(batch, future, latencies),  # type: ignore[misc]
            address.hostname or "",
            address.port or 0,
        )
        clients.append(client)
    started = time.perf_counter()
    for client in clients:
        client.start()
    await asyncio.gather(*finished)
    return time.perf_counter() - started, latencies


def _control(urls: dict[str, str], method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(urls["control_url"] + path, data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


if __name__ == "__main__":
    typer.run(main)
