"""A client of Alpaca's stream: sends, and hears with a deadline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader

Message = dict[str, Any]


class AlpacaListener:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, action: str, **data: Any) -> None:
        self.connection.send(json.dumps({"action": action, "data": data}))

    def ask(self, action: str, **data: Any) -> Message:
        self.send(action, **data)
        return self.hear()

    def authenticate(self, trader: AlpacaTrader) -> Message:
        return self.ask("authenticate", key_id=trader.key, secret_key=trader.secret)

    def listen(self, trader: AlpacaTrader) -> None:
        """Listens to an account's trade updates."""
        assert self.authenticate(trader)["data"]["status"] == "authorized"
        assert self.ask("listen", streams=["trade_updates"])["stream"] == "listening"

    def hear(self, wait_s: float = 30) -> Message:
        """The next message; TimeoutError when there is none in time."""
        return json.loads(self.connection.recv(timeout=wait_s))

    def updates(self, count: int) -> list[Message]:
        """What the next trade updates say."""
        messages = [self.hear() for _ in range(count)]
        assert {message["stream"] for message in messages} == {"trade_updates"}
        return [message["data"] for message in messages]

    def says_nothing(self, for_s: float) -> bool:
        try:
            self.hear(for_s)
        except TimeoutError:
            return True
        return False


@contextmanager
def listening(alpaca: AlpacaHouse, trader: AlpacaTrader | None = None) -> Iterator[AlpacaListener]:
    """A new connection, which listens to an account if one is given."""
    # What was not read stops the client from reading the answer to its close.
    with connect(url(alpaca), close_timeout=0.2) as connection:
        listener = AlpacaListener(connection)
        if trader is not None:
            listener.listen(trader)
        yield listener


def url(alpaca: AlpacaHouse) -> str:
    return alpaca.url.replace("http", "ws", 1) + "/stream"
