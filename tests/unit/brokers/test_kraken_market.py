from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.limiter import Pacer
from bot.domain.enums import InstrumentStatus
from bot.domain.errors import InvalidAmount, VenueError, VenueRejected, VenueUnclear
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.kraken_data import own
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

D = Decimal


class Venue:
    """Public Kraken: what it lists, what it asks, and whether it answers at all."""

    def __init__(self) -> None:
        self.assets: dict[str, Any] = own("Assets.json")
        self.pairs: dict[str, Any] = own("AssetPairs.json")
        self.prices: dict[str, Any] = own("Ticker.json")
        self.asked: list[tuple[str, list[str]]] = []
        self.error: str | None = None
        self.hold: threading.Event | None = None

    def __call__(self, peer: Peer, request: Arrived) -> bool:
        address = urlsplit(request.path)
        method = address.path.rpartition("/")[2]
        names = parse_qs(address.query).get("pair", [""])[0].split(",")
        self.asked.append((method, names))
        if self.hold is not None:
            self.hold.wait(60)
        if self.error:
            return peer.answer_json({"error": [self.error], "result": None})
        return peer.answer_json({"error": [], "result": self._result(method, names)})

    def _result(self, method: str, names: list[str]) -> Any:
        if method == "Assets":
            return self.assets
        if method == "AssetPairs":
            return self.pairs
        wanted = {pair_id for pair_id, row in self.pairs.items() if row["altname"] in names}
        return {pair_id: row for pair_id, row in self.prices.items() if pair_id in wanted}

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def market(venue: Venue, clock: HandClock) -> Iterator[KrakenMarket]:
    with RawServer(venue) as server:
        made = KrakenMarket(KrakenClient("", "", None, url=server.url), clock, Pacer(0.0001))
        yield made
        made.close()


@pytest.fixture
def loaded(market: KrakenMarket) -> KrakenMarket:
    market.load()
    return market


def test_everything_is_listed_after_two_questions(loaded: KrakenMarket, venue: Venue) -> None:
    assert venue.methods == ["Assets", "AssetPairs"]
    assert loaded.pair("BTC-USD").altname == "XBTUSD"
    assert loaded.pair("xbt/usd").pair_id == "XXBTZUSD"
    assert loaded.instrument("DOGE-USD").minimum_size == D(40)
    assert loaded.canonical("XDGUSD") == "DOGE-USD"
    assert loaded.asset_names["XXBT"] == "BTC"
    assert "ETH-BTC" in loaded.symbols
    with pytest.raises(InvalidAmount, match="unknown symbol"):
        loaded.pair("BTC-XYZ")


def test_loading_is_done_once_however_many_ask(market: KrakenMarket, venue: Venue) -> None:
    threads = [threading.Thread(target=market.ensure_loaded) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert venue.methods == ["Assets", "AssetPairs"]


def test_a_failed_load_keeps_what_was_known_and_is_tried_again(loaded: KrakenMarket, venue: Venue) -> None:
    venue.error = "EService:Unavailable"
    with pytest.raises(VenueUnclear):
        loaded.refresh_instruments()
    assert loaded.canonical("XBTUSD") == "BTC-USD"
    assert loaded.refresh_due()


@pytest.mark.parametrize("pairs", [{}, {"BAD": {"altname": "X"}}])
def test_a_list_without_pairs_does_not_replace_a_good_one(
    loaded: KrakenMarket, venue: Venue, pairs: dict[str, Any]
) -> None:
    venue.pairs = pairs
    with pytest.raises(VenueUnclear):
        loaded.load()
    assert loaded.instrument("BTC-USD").symbol == "BTC-USD"


def test_pairs_are_due_daily_and_on_request(market: KrakenMarket, clock: HandClock) -> None:
    assert market.refresh_due()
    market.load()
    assert not market.refresh_due()
    market.request_instrument_refresh()
    assert market.due_actions() == ("instruments",)
    market.refresh_instruments()
    assert not market.refresh_due()
    clock.advance(86_400)
    assert market.refresh_due()


def test_a_refreshed_minimum_takes_the_place_of_the_old_one(loaded: KrakenMarket, venue: Venue) -> None:
    venue.pairs["XXBTZUSD"] = {**venue.pairs["XXBTZUSD"], "ordermin": "0.005", "status": "cancel_only"}
    loaded.refresh_instruments()
    assert loaded.instrument("BTC-USD").minimum_size == D("0.005")
    assert loaded.instrument("BTC-USD").status is InstrumentStatus.CANCEL_ONLY


def test_one_question_brings_the_prices_of_many(loaded: KrakenMarket, venue: Venue, clock: HandClock) -> None:
    assert loaded.quote("BTC-USD") is None
    assert loaded.quote_age("BTC-USD") is None
    loaded.refresh_quotes(["BTC-USD", "ETH-USD", "NOT-LISTED"])
    assert venue.asked[-1] == ("Ticker", ["ETHUSD", "XBTUSD"])
    quote = loaded.quote("BTC-USD")
    assert quote is not None
    assert (quote.bid, quote.ask, quote.last) == (D("64000.1"), D("64000.2"), D("64000"))
    assert quote.at == clock.time()
    clock.advance(7)
    assert loaded.quote_age("BTC-USD") == pytest.approx(7)


def test_many_symbols_are_asked_for_in_several_questions(market: KrakenMarket, venue: Venue) -> None:
    row = venue.pairs["SOLUSD"]
    for number in range(450):
        venue.pairs[f"C{number}USD"] = {**row, "altname": f"C{number}USD", "base": f"C{number}"}
    market.load()
    market.refresh_quotes(market.symbols)
    questions = [names for method, names in venue.asked if method == "Ticker"]
    assert len(questions) == 3
    assert sorted(name for names in questions for name in names) == sorted(
        row["altname"] for row in venue.pairs.values()
    )


def test_a_young_price_is_not_asked_for_again(loaded: KrakenMarket, venue: Venue, clock: HandClock) -> None:
    first = loaded.fresh_quote("BTC-USD", 2)
    clock.advance(1.9)
    assert loaded.fresh_quote("XBTUSD", 2) is first
    assert venue.methods.count("Ticker") == 1
    clock.advance(0.2)
    assert loaded.fresh_quote("BTC-USD", 2) is not first
    assert venue.methods.count("Ticker") == 2


def test_many_who_want_the_same_fresh_price_ask_once(loaded: KrakenMarket, venue: Venue) -> None:
    threads = [threading.Thread(target=lambda: loaded.fresh_quote("BTC-USD", 2)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert venue.methods.count("Ticker") == 1


def test_a_price_that_is_not_to_be_had_is_an_error(loaded: KrakenMarket, venue: Venue) -> None:
    with pytest.raises(VenueUnclear, match="no price for SOL-USD"):
        loaded.fresh_quote("SOL-USD", 2)
    with pytest.raises(InvalidAmount):
        loaded.fresh_quote("NOT-LISTED", 2)
    venue.error = "EService:Busy"
    with pytest.raises(VenueError):
        loaded.fresh_quote("BTC-USD", 2)


def test_a_pair_that_is_gone_has_the_pairs_asked_for_again(loaded: KrakenMarket, venue: Venue) -> None:
    venue.error = "EQuery:Unknown asset pair"
    with pytest.raises(VenueRejected):
        loaded.refresh_quotes(["BTC-USD"])
    assert loaded.refresh_due()


def test_what_is_known_can_be_read_while_a_question_is_under_way(loaded: KrakenMarket, venue: Venue) -> None:
    loaded.refresh_quotes(["BTC-USD"])
    asked = len(venue.asked)
    venue.hold = threading.Event()
    asking = threading.Thread(target=loaded.load)
    asking.start()
    _until(lambda: len(venue.asked) > asked)
    assert loaded.quote("BTC-USD") is not None
    assert loaded.fresh_quote("BTC-USD", 60).bid == D("64000.1")
    assert loaded.canonical("XBTUSD") == "BTC-USD"
    assert loaded.instrument("BTC-USD").base == "BTC"
    assert loaded.usd_price("BTC") == D(64000)
    loaded.watch("ETH-USD")
    loaded.request_instrument_refresh()
    assert asking.is_alive()
    venue.hold.set()
    asking.join(30)


def test_a_wish_for_new_pairs_that_comes_while_they_travel_is_kept(loaded: KrakenMarket, venue: Venue) -> None:
    asked = len(venue.asked)
    venue.hold = threading.Event()
    asking = threading.Thread(target=loaded.load)
    asking.start()
    _until(lambda: len(venue.asked) > asked)
    loaded.request_instrument_refresh()
    venue.hold.set()
    asking.join(30)
    assert loaded.refresh_due()


def test_currencies_are_worth_what_their_last_price_says(loaded: KrakenMarket) -> None:
    assert loaded.usd_price("USD") == 1
    assert loaded.usd_price("USDT") == 1
    assert loaded.usd_price("USDC") == 1
    assert loaded.usd_price("BTC") is None
    assert loaded.usd_price("NOPE") is None
    loaded.refresh_quotes()
    assert loaded.usd_price("BTC") == D(64000)
    assert loaded.usd_price("USDT") == D("0.99985")


def test_the_background_keeps_watched_prices_and_pairs_fresh(venue: Venue) -> None:
    stop = threading.Event()
    with RawServer(venue) as server:
        market = KrakenMarket(KrakenClient("", "", None, url=server.url), pacer=Pacer(0.0001), quote_interval_s=0.1)
        market.watch("BTC-USD")
        loop = threading.Thread(target=market.keep_fresh, args=(stop,))
        loop.start()
        _until(lambda: venue.methods.count("Ticker") >= 2)
        assert market.canonical("XBTUSD") == "BTC-USD"
        assert market.quote("BTC-USD") is not None
        stop.set()
        loop.join(30)
        assert not loop.is_alive()


def test_the_background_survives_a_venue_in_trouble(venue: Venue) -> None:
    stop = threading.Event()
    venue.error = "EService:Unavailable"
    with RawServer(venue) as server:
        market = KrakenMarket(KrakenClient("", "", None, url=server.url), pacer=Pacer(0.0001), quote_interval_s=0.1)
        loop = threading.Thread(target=market.keep_fresh, args=(stop,))
        loop.start()
        _until(lambda: len(venue.asked) >= 2)
        venue.error = None
        _until(lambda: "BTC-USD" in market.symbols)
        stop.set()
        loop.join(30)


def test_nothing_is_due_while_nothing_is_watched(loaded: KrakenMarket, clock: HandClock) -> None:
    clock.advance(60)
    assert loaded.due_actions() == ()
    loaded.watch("BTC-USD")
    assert loaded.due_actions() == ("quotes",)
    loaded.refresh_quotes()
    assert loaded.due_actions() == ()
    clock.advance(60)
    assert loaded.due_actions() == ("quotes",)


def test_public_questions_keep_their_pace(venue: Venue) -> None:
    with RawServer(venue) as server:
        market = KrakenMarket(KrakenClient("", "", None, url=server.url), pacer=Pacer(0.2))
        began = time.monotonic()
        market.load()
        assert time.monotonic() - began >= 0.19


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
