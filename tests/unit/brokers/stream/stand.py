"""What tests of sockets share: a listener that remembers, short times, and how each venue speaks."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.brokers.alpaca.stream import AlpacaTradeUpdates
from bot.brokers.coinbase.stream import CoinbaseOrders
from bot.brokers.exact import EXACT_NUMBERS
from bot.brokers.kraken.stream import KrakenExecutions
from bot.brokers.stream import SocketStream, StreamTiming
from bot.domain.enums import BrokerType
from bot.domain.errors import InvalidAmount
from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from bot.runtime.clock import SystemClock
from tests.fakes.socket_server import Peer, Script
from tests.paper_exchange.client import eventually

PATIENCE_S = 30.0
QUICK = StreamTiming(
    open_s=2.0,
    acknowledge_s=0.6,
    ask_s=0.1,
    silence_s=0.5,
    first_wait_s=0.02,
    longest_wait_s=0.1,
    maintenance_s=0.3,
    steady_s=5.0,
)
#: As QUICK, for tests that must not meet silence on a busy machine.
CALM = StreamTiming(
    open_s=5.0, acknowledge_s=5.0, ask_s=1.0, silence_s=8.0, first_wait_s=0.02, longest_wait_s=0.1, maintenance_s=0.1
)

KEY = "key-AKIA5EXAMPLE00"
SECRET = "secret-PQ9x7/zzTop+Secret=="
TOKEN = "token-G38a1tGFzqGiUCmnegBcm8d4nfP3tytiNQz6tkCBYXY"
SYMBOLS = {"BTC/USD": "BTC-USD", "BTC-USD": "BTC-USD", "ETH/USD": "ETH-USD", "ETH-USD": "ETH-USD"}


def symbol_of(spelling: str) -> str:
    try:
        return SYMBOLS[spelling]
    except KeyError:
        raise InvalidAmount(f"unknown symbol {spelling!r}") from None


def exact(message: Any) -> Any:
    """A message as the socket reads it."""
    return json.loads(json.dumps(message), **EXACT_NUMBERS)


class Ear:
    """Implements ExecutionListener and remembers; ``failing`` makes it raise."""

    def __init__(self, failing: bool = False) -> None:
        self._changed = threading.Condition()
        self._failing = failing
        self.events: list[tuple[str, float]] = []
        self.executions: list[Execution] = []

    def listening(self) -> None:
        self._note("listening")

    def executed(self, executions: Sequence[Execution]) -> None:
        with self._changed:
            self.executions += executions
        self._note("executed")

    def interrupted(self, reason: str) -> None:
        self._note(reason)

    @property
    def said(self) -> list[str]:
        with self._changed:
            return [text for text, _ in self.events]

    @property
    def reasons(self) -> list[str]:
        return [text for text in self.said if text not in ("listening", "executed")]

    def at(self, text: str, number: int = 0) -> float:
        """When something was told, monotonic seconds; ``number`` of those that hold the text."""
        with self._changed:
            return [moment for said, moment in self.events if text in said][number]

    def wait(self, check: Callable[[Ear], Any], seconds: float = PATIENCE_S) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: check(self), seconds), f"not in time; told so far: {self.events}"

    def wait_for(self, text: str, count: int = 1) -> None:
        self.wait(lambda ear: sum(text in said for said, _ in ear.events) >= count)

    def wait_for_executions(self, count: int) -> None:
        self.wait(lambda ear: len(ear.executions) >= count)

    def _note(self, text: str) -> None:
        with self._changed:
            self.events.append((text, time.monotonic()))
            self._changed.notify_all()
        if self._failing:
            raise RuntimeError("the listener has a fault")


@contextmanager
def running(stream: SocketStream) -> Iterator[SocketStream]:
    """Started, and ended within a second."""
    stream.start()
    try:
        yield stream
    finally:
        stream.stop()
        assert stream.join(time.monotonic() + PATIENCE_S)


@dataclass(frozen=True)
class Venue:
    """How one venue speaks.

    Attributes:
        make: a stream to a URL.
        greet: takes the client's hello and acknowledges it.
        fill: a message of one fill: number of the message, order, quantity, whole quantity by then, price.
        beat: a message without meaning, for a number; None where there is none.
        refuse: refuses the client's hello.
        broken: a fill that cannot be read.
    """

    name: BrokerType
    make: Callable[..., SocketStream]
    greet: Script
    fill: Callable[[int, str, str, str, str], Any]
    beat: Callable[[int], Any] | None
    refuse: Script
    broken: Callable[[int], Any]
    answer: Callable[[Any], Any] | None = None

    @property
    def account(self) -> AccountId:
        return AccountId.master(self.name)

    def stay(self, peer: Peer) -> None:
        """Goes on as a sound venue does, in a thread that answers and this one that beats."""
        answering = threading.Thread(target=peer.stay, args=(self.answer,), daemon=True)
        answering.start()
        if self.beat is None:
            answering.join()
            return
        numbers = itertools.count(100)
        # Numbers of heartbeats would have to follow those that a script used; they go without.
        peer.beat(lambda: self.beat(next(numbers)), 0.05)  # type: ignore[misc]

    def good(self, *messages: Any) -> Script:
        """Greets, says these, and stays."""

        def script(peer: Peer) -> None:
            self.greet(peer)
            peer.say(*messages)
            self.stay(peer)

        return script

    def then(self, *acts: Script) -> Script:
        """Greets, and then does these one after the other."""

        def script(peer: Peer) -> None:
            self.greet(peer)
            for act in acts:
                act(peer)

        return script


def wait_until(check: Callable[[], Any], seconds: float = PATIENCE_S) -> None:
    assert eventually(check, seconds)


# -- Kraken ----------------------------------------------------------------------------------------------------------


def kraken(
    url: str, ear: Ear, timing: StreamTiming = QUICK, token: Callable[[], str] | None = None, **more: Any
) -> Any:
    account = AccountId.master(BrokerType.KRAKEN)
    return KrakenExecutions(account, url, token or (lambda: TOKEN), symbol_of, ear, SystemClock(), timing, **more)


def kraken_greets(peer: Peer) -> None:
    peer.say({"channel": "status", "type": "update", "data": [{"system": "online", "connection_id": 2**64 - 7}]})
    asked = peer.hear()
    assert (asked["method"], asked["params"]["channel"]) == ("subscribe", "executions")
    peer.say({"method": "subscribe", "result": {"channel": "executions"}, "success": True})


def kraken_update(number: int, *reports: dict[str, Any], kind: str = "update") -> dict[str, Any]:
    return {"channel": "executions", "type": kind, "data": list(reports), "sequence": number}


def kraken_trade(order: str, quantity: str, executed: str, price: str, /, **more: Any) -> dict[str, Any]:
    return {
        "order_id": order,
        "cl_ord_id": f"name-{order}",
        "exec_id": f"T-{order}-{executed}",
        "exec_type": "trade",
        "trade_id": 62887576,
        "symbol": "BTC/USD",
        "side": "buy",
        "last_qty": Decimal(quantity),
        "last_price": Decimal(price),
        "liquidity_ind": "t",
        "cost": Decimal(quantity) * Decimal(price),
        "order_type": "market",
        "timestamp": "2026-03-04T05:06:07.250000Z",
        "order_status": "partially_filled",
        "cum_qty": Decimal(executed),
        "fees": [{"asset": "USD", "qty": Decimal("0.25")}],
        **more,
    }


def plain_numbers(value: Any) -> Any:
    """With floats for Decimals, as JSON writers want it."""
    if isinstance(value, dict):
        return {name: plain_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain_numbers(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def kraken_refuses(peer: Peer) -> None:
    token = peer.hear()["params"]["token"]
    error = f"ESession:Invalid session {token}"
    peer.say({"channel": "executions", "error": error, "method": "subscribe", "status": "error", "success": False})
    peer.stay()


def kraken_pong(message: Any) -> Any:
    return {"method": "pong"} if message["method"] == "ping" else None


KRAKEN = Venue(
    BrokerType.KRAKEN,
    kraken,
    kraken_greets,
    lambda number, *fill: plain_numbers(kraken_update(number, kraken_trade(*fill))),
    lambda number: {"channel": "heartbeat"},
    kraken_refuses,
    lambda number: kraken_update(number, {"order_id": "O-9", "exec_type": "trade", "symbol": "BTC/USD"}),
    kraken_pong,
)


# -- Coinbase --------------------------------------------------------------------------------------------------------


def coinbase(
    url: str, ear: Ear, timing: StreamTiming = QUICK, token: Callable[[], str] | None = None, **more: Any
) -> Any:
    account = AccountId.master(BrokerType.COINBASE)
    return CoinbaseOrders(account, url, token or (lambda: TOKEN), symbol_of, ear, SystemClock(), timing, **more)


def coinbase_message(number: int | None, channel: str, *events: Any) -> dict[str, Any]:
    message = {
        "channel": channel,
        "client_id": "",
        "timestamp": "2026-03-04T05:06:07.250000000Z",
        "sequence_num": number,
        "events": list(events),
    }
    if number is None:
        del message["sequence_num"]
    return message


def coinbase_order(order: str, quantity: str, value: str, /, **more: Any) -> dict[str, Any]:
    return {
        "order_id": order,
        "client_order_id": f"name-{order}",
        "cumulative_quantity": quantity,
        "leaves_quantity": "0",
        "avg_price": "50000",
        "filled_value": value,
        "total_fees": "0.25",
        "status": "OPEN",
        "product_id": "BTC-USD",
        "product_type": "SPOT",
        "order_side": "BUY",
        "order_type": "Market",
        "creation_time": "2026-01-01T00:00:00.000000Z",
        **more,
    }


def coinbase_update(number: int | None, *orders: Any, kind: str = "update") -> dict[str, Any]:
    return coinbase_message(number, "user", {"type": kind, "orders": list(orders)})


def coinbase_heartbeat(number: int | None) -> dict[str, Any]:
    return coinbase_message(number, "heartbeats", {"current_time": "2026-03-04 05:06:07", "heartbeat_counter": 42})


def coinbase_greets(peer: Peer) -> None:
    asked = [peer.hear(), peer.hear()]
    assert [message["channel"] for message in asked] == ["user", "heartbeats"]
    peer.say(
        coinbase_message(0, "subscriptions", {"subscriptions": {"user": ["u-1"]}}),
        coinbase_message(1, "subscriptions", {"subscriptions": {"heartbeats": ["heartbeats"], "user": ["u-1"]}}),
        coinbase_update(2, kind="snapshot"),
    )


def coinbase_refuses(peer: Peer) -> None:
    peer.say({"type": "error", "message": f"authentication failure {peer.hear()['jwt']}"})
    peer.stay()


COINBASE = Venue(
    BrokerType.COINBASE,
    coinbase,
    coinbase_greets,
    lambda number, order, quantity, executed, price: coinbase_update(
        number + 2, coinbase_order(order, executed, str(Decimal(executed) * Decimal(price)))
    ),
    lambda number: coinbase_heartbeat(None),
    coinbase_refuses,
    lambda number: coinbase_update(
        number + 2, {"order_id": "O-9", "product_id": "BTC-USD", "cumulative_quantity": "?"}
    ),
)


# -- Alpaca ----------------------------------------------------------------------------------------------------------


def alpaca(url: str, ear: Ear, timing: StreamTiming = QUICK, token: Any = None, **more: Any) -> Any:
    account = AccountId.master(BrokerType.ALPACA)
    return AlpacaTradeUpdates(account, url, KEY, SECRET, symbol_of, ear, SystemClock(), timing, **more)


def alpaca_fill(order: str, quantity: str, executed: str, price: str, /, **more: Any) -> dict[str, Any]:
    described = {
        "id": order,
        "client_order_id": f"name-{order}",
        "symbol": "BTC/USD",
        "asset_class": "crypto",
        "side": "buy",
        "qty": "1",
        "filled_qty": executed,
        "status": "partially_filled",
    }
    data = {
        "event": "partial_fill",
        "execution_id": f"E-{order}-{executed}",
        "order": described | more.pop("order", {}),
        "position_qty": executed,
        "price": price,
        "qty": quantity,
        "timestamp": "2026-03-04T05:06:07.250000000Z",
    }
    return {"stream": "trade_updates", "data": data | more}


def alpaca_greets(peer: Peer) -> None:
    assert peer.hear() == {"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}
    peer.say({"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}})
    assert peer.hear() == {"action": "listen", "data": {"streams": ["trade_updates"]}}
    peer.say({"stream": "listening", "data": {"streams": ["trade_updates"]}})


def alpaca_refuses(peer: Peer) -> None:
    secret = peer.hear()["data"]["secret_key"]
    peer.say({"stream": "authorization", "data": {"status": f"unauthorized {secret}", "action": "authenticate"}})
    peer.stay()


ALPACA = Venue(
    BrokerType.ALPACA,
    alpaca,
    alpaca_greets,
    lambda number, *fill: alpaca_fill(*fill),
    None,
    alpaca_refuses,
    lambda number: alpaca_fill("O-9", "none", "1", "50000"),
)

VENUES = (KRAKEN, COINBASE, ALPACA)
MOMENT = datetime(2026, 3, 4, 5, 6, 7, 250000, UTC).timestamp()
