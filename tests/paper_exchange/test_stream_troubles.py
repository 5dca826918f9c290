"""The troubles of connections are the same at every venue; Kraken's own are looked at in test_websocket_troubles."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.paper_exchange import alpaca_socket, coinbase_socket, websocket_client
from tests.paper_exchange.alpaca_client import AlpacaHouse
from tests.paper_exchange.client import REPOSITORY, Paper, eventually
from tests.paper_exchange.coinbase_client import open_coinbase

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

BOTH = pytest.mark.parametrize("stream", ["coinbase", "alpaca"], indirect=True)
ALL = pytest.mark.parametrize("stream", ["kraken", "coinbase", "alpaca"], indirect=True)


@dataclass(frozen=True)
class Stream:
    """One account at one venue: `connect` subscribes to its orders, `trade` fills one in so many updates."""

    account: str
    connect: Callable[[], AbstractContextManager[ClientConnection]]
    trade: Callable[[], Any]
    updates: int

    def hear(self, connection: ClientConnection, wait_s: float = 30) -> dict[str, Any]:
        """The next message that is no heartbeat."""
        deadline = time.monotonic() + wait_s
        while True:
            message = json.loads(connection.recv(timeout=max(deadline - time.monotonic(), 0)))
            if message.get("channel") not in ("heartbeat", "heartbeats"):
                return message

    def hear_all(self, connection: ClientConnection) -> list[dict[str, Any]]:
        """What one trade brings."""
        return [self.hear(connection) for _ in range(self.updates)]


@pytest.fixture
def stream(request: pytest.FixtureRequest, coinbase: Paper, alpaca: AlpacaHouse) -> Iterator[Stream]:
    yield {"kraken": _kraken, "coinbase": _coinbase, "alpaca": _alpaca}[request.param](coinbase, alpaca)
    coinbase.delete("/sockets")


def _kraken(paper: Paper, _alpaca: AlpacaHouse) -> Stream:
    trader = paper.open()
    request = {"method": "subscribe", "params": {"channel": "executions", "token": websocket_client.token(trader)}}
    return Stream(
        trader.name,
        lambda: _subscribed(websocket_client.url(paper), [request], 3),
        lambda: trader.market("buy", "0.01"),
        4,
    )


def _coinbase(paper: Paper, _alpaca: AlpacaHouse) -> Stream:
    trader = open_coinbase(paper)

    def connected() -> AbstractContextManager[ClientConnection]:
        token = coinbase_socket.socket_token(trader)
        channels = [{"type": "subscribe", "channel": name, "jwt": token} for name in ("user", "heartbeats")]
        return _subscribed(coinbase_socket.url(paper), channels, 3)

    return Stream(trader.name, connected, lambda: trader.trade("SELL", base_size="0.01"), 2)


def _alpaca(_paper: Paper, alpaca: AlpacaHouse) -> Stream:
    trader = alpaca.open()
    key = {"action": "authenticate", "data": {"key_id": trader.key, "secret_key": trader.secret}}
    listen = {"action": "listen", "data": {"streams": ["trade_updates"]}}
    return Stream(
        trader.name,
        lambda: _subscribed(alpaca_socket.url(alpaca), [key, listen], 2),
        lambda: trader.trade(qty="0.01"),
        3,
    )


def _subscribed(url: str, requests: list[dict[str, Any]], answers: int) -> AbstractContextManager[ClientConnection]:
    # What was not read stops the client from reading the answer to its close.
    connection = connect(url, close_timeout=0.2)
    for request in requests:
        connection.send(json.dumps(request))
    for _ in range(answers):
        connection.recv(timeout=30)
    return connection


def trouble(paper: Paper, stream: Stream, kind: str, **more: Any) -> int:
    return paper.post("/sockets", {"kind": kind, "account": stream.account, **more})["struck"]


def rows(paper: Paper, stream: Stream) -> list[dict[str, Any]]:
    return [row for row in paper.get("/sockets") if row["accounts"] == [stream.account]]


def says_nothing(connection: ClientConnection, for_s: float) -> bool:
    try:
        connection.recv(timeout=for_s)
    except TimeoutError:
        return True
    return False


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    return [message["sequence_num"] for message in messages]


def test_the_ready_line_says_where() -> None:
    command = [sys.executable, "-m", "paper_exchange", "--port", "0", "--control-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        for name in ("kraken", "coinbase", "alpaca"):
            connect(ready[f"{name}_ws_url"]).close()
    finally:
        process.terminate()
        process.wait(timeout=30)

    assert ready["coinbase_ws_url"] == ready["coinbase_url"].replace("http", "ws")
    assert ready["alpaca_ws_url"] == ready["alpaca_url"].replace("http", "ws") + "/stream"


@ALL
def test_a_normal_close(paper: Paper, stream: Stream) -> None:
    with stream.connect() as connection:
        assert trouble(paper, stream, "close") == 1

        with pytest.raises(ConnectionClosedOK) as caught:
            stream.hear(connection)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000
        eventually(lambda: not rows(paper, stream))
    with stream.connect() as connection:
        stream.trade()
        assert len(stream.hear_all(connection)) == stream.updates


@ALL
def test_a_normal_close_of_a_silent_connection(paper: Paper, stream: Stream) -> None:
    with stream.connect() as connection:
        trouble(paper, stream, "silence")
        stream.trade()
        trouble(paper, stream, "close")

        with pytest.raises(ConnectionClosedOK):
            stream.hear(connection)


@BOTH
def test_open_connections_are_listed(paper: Paper, stream: Stream) -> None:
    with stream.connect() as connection:
        stream.trade()
        stream.hear_all(connection)
        (row,) = rows(paper, stream)

        assert stream.account.startswith(row["venue"])
        assert set(row["channels"]) & {"user", "trade_updates"}
        assert row["sent"] >= stream.updates + 2
    eventually(lambda: not rows(paper, stream))


class TestSilence:
    @BOTH
    def test_for_a_while(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            assert trouble(paper, stream, "silence", seconds=2) == 1
            stream.trade()

            assert says_nothing(connection, 1.3)
            assert len(stream.hear_all(connection)) == stream.updates

    @BOTH
    def test_for_good_not_even_pings_are_answered(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            trouble(paper, stream, "silence")
            stream.trade()

            assert not connection.ping().wait(0.3)
            assert says_nothing(connection, 1.3)
            assert [row["silent"] for row in rows(paper, stream)] == [True]
            paper.delete("/sockets")
            assert len(stream.hear_all(connection)) == stream.updates

    @pytest.mark.parametrize("stream", ["coinbase"], indirect=True)
    def test_no_number_is_missing_afterwards(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            ends_at = time.time() + 2.5
            trouble(paper, stream, "silence", seconds=2.5)
            stream.trade()
            heard = [json.loads(connection.recv(timeout=30)) for _ in range(4)]

        assert numbers(heard) == list(range(heard[0]["sequence_num"], heard[0]["sequence_num"] + 4))
        assert [message["channel"] for message in heard] == ["user", "user", "heartbeats", "heartbeats"]
        # those that were due meanwhile did not come late
        first_beat = datetime.fromisoformat(heard[2]["events"][0]["current_time"])
        assert first_beat.timestamp() >= ends_at


class TestDrop:
    @BOTH
    def test_it_ends_without_a_word(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            trouble(paper, stream, "drop")

            with pytest.raises(ConnectionClosedError) as caught:
                stream.hear(connection)
        assert caught.value.rcvd is None
        eventually(lambda: not rows(paper, stream))

    @BOTH
    def test_nobody_comes_back_while_new_ones_are_refused(self, paper: Paper, stream: Stream) -> None:
        paper.post("/sockets", {"kind": "refuse"})
        with pytest.raises(InvalidStatus) as caught:
            stream.connect()
        assert caught.value.response.status_code == 503
        paper.delete("/sockets")

        with stream.connect() as connection:
            stream.trade()
            assert len(stream.hear_all(connection)) == stream.updates


class TestUpdates:
    @BOTH
    def test_the_next_is_lost(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            stream.trade()
            whole = stream.hear_all(connection)
            trouble(paper, stream, "skip")
            stream.trade()
            rest = [stream.hear(connection) for _ in range(stream.updates - 1)]

        assert len(rest) == len(whole) - 1
        assert str(rest[-1]).count("FILLED") + str(rest[-1]).count("'fill'") == 1

    @pytest.mark.parametrize("stream", ["coinbase"], indirect=True)
    def test_its_number_is_missing(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            stream.trade()
            first = [json.loads(connection.recv(timeout=30)) for _ in range(2)]
            trouble(paper, stream, "skip")
            stream.trade()
            heard = first + [json.loads(connection.recv(timeout=30)) for _ in range(2)]

        assert sum(after - before - 1 for before, after in pairwise(numbers(heard))) == 1

    @BOTH
    def test_the_next_comes_twice(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            trouble(paper, stream, "repeat")
            stream.trade()
            first, second = stream.hear(connection), stream.hear(connection)

        assert first == second

    @BOTH
    def test_all_are_late_and_in_order(self, paper: Paper, stream: Stream) -> None:
        with stream.connect() as connection:
            trouble(paper, stream, "delay", seconds=1.5)
            started = time.monotonic()
            stream.trade()
            heard = [json.loads(connection.recv(timeout=30)) for _ in range(stream.updates)]
            took = time.monotonic() - started

        assert took > 0.9
        if "sequence_num" in heard[0]:
            assert numbers(heard) == sorted(set(numbers(heard)))
