"""A client of the private WebSocket: sends, and hears with a deadline."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.paper_exchange.client import REPOSITORY, Paper, Trader

HEARTBEAT = {"channel": "heartbeat"}
DATA = REPOSITORY / "tests" / "data" / "kraken"

Message = dict[str, Any]


class Listener:
    """One connection; heartbeats are left out of what it hears unless they are asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, method: str, **more: Any) -> None:
        self.connection.send(json.dumps({"method": method, **more}))

    def hear(self, wait_s: float = 30) -> Message:
        """The next message that is no heartbeat; TimeoutError when there is none in time."""
        deadline = time.monotonic() + wait_s
        while (message := self.hear_anything(deadline - time.monotonic())) == HEARTBEAT:
            pass
        return message

    def hear_anything(self, wait_s: float = 30) -> Message:
        return parse(self.connection.recv(timeout=max(wait_s, 0)))

    def ask(self, method: str, **more: Any) -> Message:
        self.send(method, **more)
        return self.hear()

    def subscribe(self, trader: Trader, channel: str = "executions", **parameters: Any) -> Message:
        """Subscribes with a new token and answers the snapshot."""
        acknowledged = self.ask("subscribe", params={"channel": channel, "token": token(trader), **parameters})
        assert acknowledged["success"] is True, acknowledged
        return self.hear()

    def updates(self, count: int) -> list[Message]:
        """The next updates, whole."""
        return [self.hear() for _ in range(count)]

    def reports(self, count: int) -> list[Message]:
        """What the next updates say."""
        return [report for update in self.updates(count) for report in update["data"]]

    def says_nothing(self, for_s: float) -> bool:
        """Whether not even a heartbeat comes."""
        try:
            self.hear_anything(for_s)
        except TimeoutError:
            return True
        return False


@contextmanager
def listening(paper: Paper, path: str = "/v2/private") -> Iterator[Listener]:
    """A new connection that has heard the status."""
    # What was not read stops the client from reading the answer to its close.
    with connect(url(paper, path), close_timeout=0.2) as connection:
        listener = Listener(connection)
        assert listener.hear()["channel"] == "status"
        yield listener


def url(paper: Paper, path: str = "/v2/private") -> str:
    return paper.kraken_url.replace("http", "ws", 1) + path


def token(trader: Trader) -> str:
    return trader.result("GetWebSocketsToken")["token"]


def parse(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def recorded(name: str) -> Any:
    return parse((DATA / f"ws_{name}.json").read_text())


def shape(value: Any) -> Any:
    """Types all the way down; whole numbers and others are not told apart."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "number" if isinstance(value, int | Decimal) and not isinstance(value, bool) else type(value).__name__
