"""A client of Coinbase's WebSocket: sends, and hears with a deadline."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.paper_exchange.client import Paper
from tests.paper_exchange.coinbase_client import CoinbaseTrader

Message = dict[str, Any]


class CoinbaseListener:
    """One connection; heartbeats are left out of what it hears unless they are asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **request: Any) -> None:
        self.connection.send(json.dumps(request))

    def ask(self, trader: CoinbaseTrader, channel: str, kind: str = "subscribe", **more: Any) -> None:
        """Sends a request with a new token."""
        self.send(**{"type": kind, "channel": channel, "product_ids": [], "jwt": socket_token(trader)} | more)

    def subscribe(self, trader: CoinbaseTrader, *products: str) -> Message:
        """Subscribes to the orders of an account and answers the snapshot."""
        self.ask(trader, "user", product_ids=list(products))
        assert self.hear()["channel"] == "subscriptions"
        snapshot = self.hear()
        assert snapshot["events"][0]["type"] == "snapshot"
        return snapshot

    def hear(self, wait_s: float = 30) -> Message:
        """The next message that is no heartbeat; TimeoutError when there is none in time."""
        deadline = time.monotonic() + wait_s
        while (message := self.hear_anything(deadline - time.monotonic())).get("channel") == "heartbeats":
            pass
        return message

    def hear_anything(self, wait_s: float = 30) -> Message:
        return json.loads(self.connection.recv(timeout=max(wait_s, 0)))

    def orders(self, count: int) -> list[Message]:
        """What the next updates say, one order each."""
        return [order_of(self.hear()) for _ in range(count)]

    def orders_until(self, status: str) -> list[Message]:
        """What the updates say, up to and with the first of a status."""
        told = []
        for _ in itertools.count():
            told.append(order_of(self.hear()))
            if told[-1]["status"] == status:
                break
        return told

    def says_nothing(self, for_s: float) -> bool:
        """Whether not even a heartbeat comes."""
        try:
            self.hear_anything(for_s)
        except TimeoutError:
            return True
        return False


@contextmanager
def listening(paper: Paper) -> Iterator[CoinbaseListener]:
    """A new connection, which has heard nothing yet."""
    # What was not read stops the client from reading the answer to its close.
    with connect(url(paper), close_timeout=0.2) as connection:
        yield CoinbaseListener(connection)


def url(paper: Paper) -> str:
    return paper.coinbase_url.replace("http", "ws", 1)


def socket_token(trader: CoinbaseTrader, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token without a request in it."""
    return trader.token("", "", header=header, **{"uri": None} | claims)


def order_of(message: Message) -> Message:
    (event,) = message["events"]
    assert (message["channel"], event["type"]) == ("user", "update"), message
    (order,) = event["orders"]
    return order
