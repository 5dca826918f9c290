"""Pairs that the first account asks for and all use, and prices that are kept fresh for everybody."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.brokers.alpaca.client import AlpacaPrices
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.limiter import Pacer
from bot.domain.errors import AccountBarred, InvalidAmount, RateLimited, VenueError, VenueUnclear
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

D = Decimal
_DATA = Path(__file__).resolve().parents[2] / "data" / "alpaca"


def own(name: str) -> Any:
    return json.loads((_DATA / f"bot_{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)


class Prices:
    """Alpaca's market data: what they are asked, and which names they do not know."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.unknown: set[str] = set()
        self.status = "200 OK"
        self.price = 84_000

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        names = parse_qs(urlsplit(request.path).query)["symbols"][0].split(",")
        self.asked.append(names)
        if self.status != "200 OK":
            return peer.answer_json({"message": "no"}, self.status)
        for name in self.unknown & set(names):
            return peer.answer_json({"message": f"invalid symbol: {name}"}, "400 Bad Request")
        rows = {name: {"ap": self.price + 1, "bp": self.price} for name in names}
        return peer.answer_json({"quotes": rows})


@pytest.fixture
def venue() -> Prices:
    return Prices()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def market(venue: Prices, clock: HandClock) -> Iterator[AlpacaMarket]:
    with RawServer(venue) as server:
        made = AlpacaMarket(AlpacaPrices(url=server.url), D(10), clock, Pacer(1e-6))
        yield made
        made.close()


def counted(answers: list[Any]) -> Callable[[], Any]:
    """Answers with the list of pairs, or raises, and remembers how often it was asked."""

    def ask() -> Any:
        answers.append(None)
        return own("assets")

    return ask


def failing(error: Exception) -> Callable[[], Any]:
    def ask() -> Any:
        raise error

    return ask


# -- pairs -----------------------------------------------------------------------------------------------------------


def test_the_first_account_has_the_pairs_for_all(market: AlpacaMarket) -> None:
    asked: list[Any] = []
    assert not market.loaded
    for _ in range(3):
        market.ensure_loaded(counted(asked))
    assert len(asked) == 1
    assert market.loaded
    assert market.instrument("BTCUSD").symbol == "BTC-USD"
    assert market.asset("btc/usd").name == "BTC/USD"


def test_an_account_that_is_refused_keeps_no_other_from_asking(market: AlpacaMarket) -> None:
    with pytest.raises(AccountBarred):
        market.ensure_loaded(failing(AccountBarred("unauthorized.")))
    asked: list[Any] = []
    market.ensure_loaded(counted(asked))
    assert asked == [None]


def test_an_account_that_hangs_keeps_the_others_waiting_for_two_seconds_at_most(market: AlpacaMarket) -> None:
    release, asked = threading.Event(), []  # type: ignore[var-annotated]

    def hang() -> Any:
        release.wait(60)
        return own("assets")

    hanging = threading.Thread(target=lambda: market.ensure_loaded(hang))
    hanging.start()
    began = time.monotonic()
    market.ensure_loaded(counted(asked))
    assert time.monotonic() - began < 20
    assert market.loaded
    release.set()
    hanging.join(30)


def test_pairs_that_failed_to_come_leave_what_was_known(market: AlpacaMarket) -> None:
    market.ensure_loaded(counted([]))
    market.request_instrument_refresh()
    for answer in (lambda: None, list, failing(VenueUnclear("no answer"))):
        with pytest.raises(VenueError):
            market.refresh_if_due(answer)
        assert market.refresh_due()
        assert "BTC-USD" in market.symbols


def test_pairs_are_asked_for_again_once_a_day_or_on_request(market: AlpacaMarket, clock: HandClock) -> None:
    asked: list[Any] = []
    market.ensure_loaded(counted(asked))
    market.refresh_if_due(counted(asked))
    assert len(asked) == 1
    market.request_instrument_refresh()
    market.refresh_if_due(counted(asked))
    market.refresh_if_due(counted(asked))
    assert len(asked) == 2
    clock.advance(86_401)
    market.refresh_if_due(counted(asked))
    assert len(asked) == 3


def test_before_the_pairs_are_known_no_symbol_is(market: AlpacaMarket) -> None:
    with pytest.raises(InvalidAmount):
        market.instrument("BTC-USD")


@pytest.mark.parametrize(
    ("asset_id", "symbol", "code"),
    [
        ("276e2673-764b-4ab6-a611-caf665ca6340", "whatever", "BTC"),
        ("unknown", "BTCUSD", "BTC"),
        ("unknown", "BTC/USD", "BTC"),
        ("", "USDCUSD", "USDC"),
        ("", "GONEUSD", "GONE"),
        ("", "GONE/USD", "GONE"),
        ("", "USD", "USD"),
    ],
)
def test_a_position_is_known_by_its_pair(market: AlpacaMarket, asset_id: str, symbol: str, code: str) -> None:
    market.ensure_loaded(counted([]))
    assert market.coin_of(asset_id, symbol) == code


# -- prices ----------------------------------------------------------------------------------------------------------


def test_a_price_is_asked_for_once_while_it_is_fresh(market: AlpacaMarket, venue: Prices, clock: HandClock) -> None:
    market.ensure_loaded(counted([]))
    assert market.fresh_quote("BTCUSD", 3).ask == 84_001
    venue.price = 90_000
    assert market.fresh_quote("BTC-USD", 3).bid == 84_000
    clock.advance(3.5)
    assert market.fresh_quote("BTC-USD", 3).bid == 90_000
    assert venue.asked == [["BTC/USD"], ["BTC/USD"]]


def test_watched_symbols_travel_together(market: AlpacaMarket, venue: Prices) -> None:
    market.ensure_loaded(counted([]))
    market.watch("DOGE-USD")
    market.fresh_quote("BTC-USD", 3)
    assert venue.asked == [["BTC/USD", "DOGE/USD"]]
    assert market.quote("DOGE-USD") is not None


def test_a_name_that_prices_do_not_know_leaves_the_others_theirs(market: AlpacaMarket, venue: Prices) -> None:
    market.ensure_loaded(counted([]))
    venue.unknown = {"MKR/USD"}
    for symbol in ("MKR-USD", "DOGE-USD", "ETH-BTC"):
        market.watch(symbol)
    assert market.fresh_quote("BTC-USD", 3).bid == 84_000
    assert market.quote("DOGE-USD") is not None
    venue.asked.clear()
    market.refresh_quotes()
    assert venue.asked == [["DOGE/USD", "ETH/BTC"]], "it is not watched any more"
    with pytest.raises(VenueUnclear, match="MKR-USD"):
        market.fresh_quote("MKR-USD", 3)


@pytest.mark.parametrize(
    ("status", "kind"), [("429 Too Many Requests", RateLimited), ("503 Service Unavailable", VenueUnclear)]
)
def test_prices_that_are_not_had_are_an_error_and_asked_for_once(
    market: AlpacaMarket, venue: Prices, status: str, kind: type[VenueError]
) -> None:
    market.ensure_loaded(counted([]))
    market.watch("DOGE-USD")
    venue.status = status
    with pytest.raises(kind):
        market.fresh_quote("BTC-USD", 3)
    assert len(venue.asked) == 1


def test_a_symbol_that_is_not_listed_has_no_price(market: AlpacaMarket, venue: Prices) -> None:
    market.ensure_loaded(counted([]))
    with pytest.raises(InvalidAmount):
        market.fresh_quote("NOPE-USD", 3)
    assert venue.asked == []


def test_the_background_keeps_watched_prices_fresh_and_outlives_failures(venue: Prices) -> None:
    with RawServer(venue) as server:
        market = AlpacaMarket(AlpacaPrices(url=server.url), D(10), pacer=Pacer(1e-6), quote_interval_s=0.01)
        market.ensure_loaded(counted([]))
        stop = threading.Event()
        keeper = threading.Thread(target=market.keep_fresh, args=(stop,))
        venue.status = "503 Service Unavailable"
        market.watch("BTC-USD")
        keeper.start()
        _until(lambda: venue.asked)
        venue.status = "200 OK"
        _until(lambda: market.quote("BTC-USD"))
        stop.set()
        keeper.join(30)
        assert not keeper.is_alive()
        market.close()


def _until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
