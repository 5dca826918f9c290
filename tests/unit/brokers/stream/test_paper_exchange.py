"""The sockets against the paper exchange, in a process of its own: orders by hand, and the troubles it can make."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.stream import SocketStream
from bot.domain.enums import Side
from bot.domain.executions import Execution
from tests.paper_exchange.client import Paper, Trader
from tests.paper_exchange.client import running as exchange
from tests.paper_exchange.coinbase_client import CoinbaseTrader
from tests.paper_exchange.coinbase_socket import socket_token
from tests.paper_exchange.websocket_client import token
from tests.unit.brokers.stream.stand import CALM, Ear, alpaca, coinbase, kraken, running

_numbers = itertools.count(1)
VENUES = ("kraken", "coinbase", "alpaca")
#: A venue's beat comes once a second.
TIMING = replace(CALM, ask_s=0.5, silence_s=3.0)


@pytest.fixture(scope="module")
def _paper() -> Iterator[Paper]:
    with exchange("--prices", "fixed") as paper:
        yield paper


@pytest.fixture
def paper(_paper: Paper) -> Iterator[Paper]:
    _paper.patch("/settings", fill_delay_s=0, partial_fill_probability=0, rate_limits=False, system_status="online")
    _paper.patch("/market/BTC-USD", price="50000", spread="10", depth=None, status="online")
    yield _paper
    _paper.delete("/sockets")


@dataclass
class Hand:
    """An account whose owner trades by hand, and how the bot listens to it."""

    paper: Paper
    venue: str
    trader: Trader

    def stream(self, ear: Ear, url: str | None = None) -> SocketStream:
        url, key, secret = url or self.paper.socket_urls[self.venue], self.trader.key, self.trader.secret
        if self.venue == "kraken":
            return kraken(url, ear, TIMING, lambda: token(self.trader))
        if self.venue == "coinbase":
            signer = CoinbaseTrader(self.paper, self.trader.name, key, secret)
            return coinbase(url, ear, TIMING, lambda: socket_token(signer))
        stream = alpaca(url, ear, TIMING)
        stream._api_key, stream._api_secret = key, secret
        return stream

    def order(self, side: str, volume: str, price: str | None = None, name: str | None = None) -> str:
        wanted = {
            "account": self.trader.name,
            "symbol": "BTC-USD",
            "side": side,
            "type": "market" if price is None else "limit",
            "volume": volume,
            "price": price,
            "client_order_id": name,
        }
        answer = self.paper.post("/orders", {field: value for field, value in wanted.items() if value is not None})
        return str(answer["order_id"])

    def trouble(self, kind: str, **more: Any) -> int:
        return int(self.paper.post("/sockets", {"kind": kind, "account": self.trader.name, **more})["struck"])


@pytest.fixture(params=VENUES)
def hand(request: pytest.FixtureRequest, paper: Paper) -> Hand:
    name = f"hand{next(_numbers)}"
    trader = paper.open({"USD": "100000", "BTC": "10"}, name=name, venue=request.param)
    return Hand(paper, request.param, trader)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def listening(hand: Hand, ear: Ear) -> Iterator[SocketStream]:
    with running(hand.stream(ear)) as stream:
        ear.wait_for("listening")
        yield stream


def of(ear: Ear, order_id: str) -> list[Execution]:
    return [told for told in ear.executions if told.order_id == order_id]


def test_an_order_by_hand_is_told(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    before = time.time()
    order_id = hand.order("sell", "0.25", name="6f1c2a3e-9b4d-4c55-8a17-0d2e4f6a8b03")
    ear.wait(lambda one: of(one, order_id))

    (told,) = of(ear, order_id)
    assert (told.symbol, told.side, told.quantity, told.executed) == (
        "BTC-USD",
        Side.SELL,
        Decimal("0.25"),
        Decimal("0.25"),
    )
    assert told.price == Decimal(49995)
    assert told.client_order_id == "6f1c2a3e-9b4d-4c55-8a17-0d2e4f6a8b03"
    assert before - 2 < told.time < time.time() + 2
    assert listening.healthy is True


def test_an_order_that_fills_in_parts_adds_up(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    hand.paper.patch("/market/BTC-USD", depth="0.3")
    order_id = hand.order("buy", "1")
    ear.wait(lambda one: sum(told.quantity for told in of(one, order_id)) == 1)

    parts = of(ear, order_id)
    sums = list(itertools.accumulate(told.quantity for told in parts))
    assert [told.executed for told in parts] == sums
    assert [told.executed_before for told in parts] == [0, *sums[:-1]]


def test_a_limit_order_is_told_when_it_fills(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    order_id = hand.order("buy", "0.5", price="40000")
    hand.paper.patch("/market/BTC-USD", price="39000")
    ear.wait(lambda one: of(one, order_id))

    (told,) = of(ear, order_id)
    assert (told.side, told.executed) == (Side.BUY, Decimal("0.5"))
    assert told.price <= Decimal(40000)


def test_an_order_from_before_is_told_when_it_fills(hand: Hand, ear: Ear) -> None:
    order_id = hand.order("buy", "0.5", price="40000")
    with running(hand.stream(ear)):
        ear.wait_for("listening")
        hand.paper.patch("/market/BTC-USD", price="39000")
        ear.wait(lambda one: of(one, order_id))

    (told,) = of(ear, order_id)
    assert (told.executed, told.quantity) == (Decimal("0.5"), Decimal("0.5"))


def test_what_traded_before_is_not_told_as_new(hand: Hand, ear: Ear) -> None:
    old = hand.order("buy", "0.5")
    with running(hand.stream(ear)):
        ear.wait_for("listening")
        new = hand.order("buy", "0.25")
        ear.wait(lambda one: of(one, new))

    assert of(ear, old) == []


def test_somebody_elses_trades_are_not_told(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    other = hand.paper.open({"USD": "100000", "BTC": "10"}, name=f"hand{next(_numbers)}", venue=hand.venue)
    Hand(hand.paper, hand.venue, other).order("buy", "0.5")
    order_id = hand.order("buy", "0.25")
    ear.wait(lambda one: of(one, order_id))

    assert {told.order_id for told in ear.executions} == {order_id}


def test_a_cut_connection_is_made_anew(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    assert hand.trouble("drop") == 1
    ear.wait_for("listening", 2)
    order_id = hand.order("buy", "0.25")
    ear.wait(lambda one: of(one, order_id))

    assert len(ear.reasons) == 1


def test_silence_is_noticed(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    assert hand.trouble("silence") == 1
    began = time.monotonic()
    ear.wait_for("silent for 3 s")
    assert time.monotonic() - began < 2 * TIMING.silence_s
    ear.wait_for("listening", 2)
    order_id = hand.order("buy", "0.25")
    ear.wait(lambda one: of(one, order_id))


def test_quiet_is_not_silence(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    time.sleep(TIMING.silence_s + 1.5)

    assert listening.healthy is True
    assert ear.said == ["listening"]


@pytest.mark.parametrize("hand", ["kraken", "coinbase"], indirect=True)
def test_a_lost_update_is_noticed_with_the_next_message(ear: Ear, hand: Hand) -> None:
    """Alpaca's have no numbers: what was lost there is found by asking, as the watcher does from time to time."""
    with running(hand.stream(ear)):
        ear.wait_for("listening")
        hand.trouble("skip", count=1)
        hand.order("buy", "0.25")
        ear.wait_for("a message is missing: ")
        ear.wait_for("listening", 2)
        order_id = hand.order("buy", "0.125")
        ear.wait(lambda one: of(one, order_id))


def test_a_repeated_update_changes_nothing(hand: Hand, ear: Ear, listening: SocketStream) -> None:
    hand.trouble("repeat", count=8)
    order_id = hand.order("buy", "0.25")
    ear.wait(lambda one: of(one, order_id))
    another = hand.order("buy", "0.125")
    ear.wait(lambda one: of(one, another))

    assert {told.executed for told in of(ear, order_id)} == {Decimal("0.25")}
    assert ear.reasons == []


def test_a_venue_that_takes_no_connections_is_asked_until_it_does(hand: Hand, ear: Ear) -> None:
    hand.paper.post("/sockets", {"kind": "refuse", "seconds": 1.0})
    with running(hand.stream(ear)):
        ear.wait_for("listening")

    assert set(ear.reasons) == {"no connection: HTTP 503"}


def test_a_bad_key_is_turned_away(hand: Hand, ear: Ear) -> None:
    hand.paper.patch(f"/accounts/{hand.trader.name}", enabled=False)
    if hand.venue == "kraken":
        # Its key is refused where the token is asked for; here a token that is none.
        stream: SocketStream = kraken(hand.paper.socket_urls["kraken"], ear, TIMING)
    else:
        stream = hand.stream(ear)
    with running(stream):
        ear.wait(lambda one: len(one.reasons) >= 2)
        assert stream.healthy is False

    assert "listening" not in ear.said


def test_an_exchange_that_ends_is_missed(ear: Ear, hand: Hand) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(exchange("--prices", "fixed"))
        trader = other.open({"USD": "1000"}, name="hand", venue=hand.venue)
        with running(Hand(other, hand.venue, trader).stream(ear)) as stream:
            ear.wait_for("listening")
            other.process.terminate()
            ear.wait(lambda one: len(one.reasons) >= 2)
            assert stream.healthy is False
            assert stream.alive is True


@pytest.mark.parametrize("status", ["maintenance", "online"])
def test_krakens_maintenance_slows_it_down(paper: Paper, ear: Ear, status: str) -> None:
    trader = paper.open(name=f"hand{next(_numbers)}")
    hand = Hand(paper, "kraken", trader)
    given = token(trader)
    paper.patch("/settings?venue=kraken", system_status=status)

    timing = replace(TIMING, first_wait_s=0.001, longest_wait_s=0.002, maintenance_s=1.0)
    with running(kraken(paper.socket_urls["kraken"], ear, timing, lambda: given)):
        ear.wait_for("listening")
        hand.trouble("drop")
        ear.wait_for("listening", 2)

    assert (ear.at("listening", 1) - ear.at(ear.reasons[0]) >= 1.0) is (status == "maintenance")
