"""What Coinbase tells everybody, kept for all accounts of the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.limiter import Pacer
from bot.domain.enums import InstrumentStatus
from bot.domain.errors import InvalidAmount, RateLimited, VenueRejected, VenueUnclear
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.coinbase_data import Venue, own
from tests.unit.brokers.raw_server import RawServer

D = Decimal
DOWN = ("503 Service Unavailable", b"go/sg/x")


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def market(venue: Venue, clock: HandClock) -> Iterator[CoinbaseMarket]:
    with RawServer(venue) as server:
        made = CoinbaseMarket(CoinbaseClient("", "", url=server.url), clock, Pacer(0.0001))
        yield made
        made.close()


@pytest.fixture
def loaded(market: CoinbaseMarket) -> CoinbaseMarket:
    market.load()
    return market


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


# -- products --------------------------------------------------------------------------------------------------------


def test_everything_is_listed_after_one_question(loaded: CoinbaseMarket, venue: Venue) -> None:
    assert venue.asked == [("/market/products", {"product_type": ["SPOT"]}, None)]
    assert loaded.product("btc/usd").product_id == "BTC-USD"
    assert loaded.instrument("DOGE-USD").lot_step == D("0.1")
    assert "ETH-BTC" in loaded.symbols
    with pytest.raises(InvalidAmount, match="unknown symbol"):
        loaded.product("BTC-XYZ")


def test_products_that_come_in_pages_are_all_there(market: CoinbaseMarket, venue: Venue) -> None:
    first, second = own("products"), own("products")
    first["products"], second["products"] = first["products"][:2], second["products"][2:]
    first["pagination"] = {"has_next": True, "next_cursor": "two"}
    venue.answers["products"] = [first, second]
    market.load()
    assert {"BTC-USD", "DOGE-USD"} <= set(market.symbols)
    assert venue.queries("products")[1]["cursor"] == ["two"]


def test_a_list_without_an_end_is_given_up(market: CoinbaseMarket, venue: Venue) -> None:
    venue.answers["products"]["pagination"] = {"has_next": True, "next_cursor": "again"}
    with pytest.raises(VenueUnclear, match="no end"):
        market.load()


def test_loading_is_done_once_however_many_ask(market: CoinbaseMarket, venue: Venue) -> None:
    threads = [threading.Thread(target=market.ensure_loaded) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(venue.asked) == 1


def test_what_just_failed_for_one_account_is_not_asked_for_again_by_the_next(
    market: CoinbaseMarket, venue: Venue, clock: HandClock
) -> None:
    venue.refuse["products"] = DOWN
    for _ in range(3):
        with pytest.raises(VenueUnclear):
            market.ensure_loaded()
    assert len(venue.asked) == 1
    venue.refuse.clear()
    clock.advance(6)
    market.ensure_loaded()
    assert "BTC-USD" in market.symbols


def test_a_failed_load_keeps_what_was_known_and_is_tried_again(loaded: CoinbaseMarket, venue: Venue) -> None:
    venue.refuse["products"] = DOWN
    with pytest.raises(VenueUnclear):
        loaded.load()
    assert loaded.canonical("BTCUSD") == "BTC-USD"
    assert loaded.refresh_due()


@pytest.mark.parametrize("products", [[], [{"product_id": "BAD"}]])
def test_a_list_without_products_does_not_replace_a_good_one(
    loaded: CoinbaseMarket, venue: Venue, products: list[Any]
) -> None:
    venue.answers["products"]["products"] = products
    with pytest.raises(VenueUnclear):
        loaded.load()
    assert loaded.instrument("BTC-USD").symbol == "BTC-USD"


def test_what_proved_wrong_is_asked_for_again(loaded: CoinbaseMarket, venue: Venue) -> None:
    assert loaded.due_actions() == ()
    venue.answers["products"]["products"][0]["cancel_only"] = True
    loaded.request_instrument_refresh()
    assert loaded.due_actions() == ("instruments",)
    loaded.load()
    assert loaded.instrument("BTC-USD").status is InstrumentStatus.CANCEL_ONLY
    assert loaded.due_actions() == ()


# -- prices that orders are sized with -------------------------------------------------------------------------------


def test_a_price_is_asked_for_once_while_it_is_young(loaded: CoinbaseMarket, venue: Venue, clock: HandClock) -> None:
    for _ in range(3):
        quote = loaded.fresh_quote("btc/usd", 3)
        clock.advance(1)
    assert (quote.bid, quote.ask, quote.last) == (D("49995.00"), D("50005.00"), D("50000.00"))
    assert venue.paths("ticker") == ["/market/products/BTC-USD/ticker"]
    clock.advance(1)
    loaded.fresh_quote("BTC-USD", 3)
    assert len(venue.paths("ticker")) == 2


def test_many_who_want_one_price_at_once_ask_once(loaded: CoinbaseMarket, venue: Venue) -> None:
    threads = [threading.Thread(target=lambda: loaded.fresh_quote("BTC-USD", 3)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(venue.paths("ticker")) == 1


def test_a_market_that_nobody_offers_in_has_no_price(loaded: CoinbaseMarket, venue: Venue) -> None:
    venue.answers["ticker"]["best_ask"] = ""
    with pytest.raises(VenueUnclear):
        loaded.fresh_quote("BTC-USD", 3)
    assert loaded.quote("BTC-USD") is None


def test_a_product_that_is_gone_has_products_asked_for(loaded: CoinbaseMarket, venue: Venue) -> None:
    venue.refuse["ticker"] = ("404 Not Found", b'{"error":"NOT_FOUND","message":"Product not supported"}')
    with pytest.raises(VenueRejected, match="not supported"):
        loaded.fresh_quote("BTC-USD", 3)
    assert loaded.refresh_due()


def test_a_rate_limit_is_waited_for_once(loaded: CoinbaseMarket, venue: Venue) -> None:
    venue.refuse["ticker"] = ("429 Too Many Requests", b"")
    with pytest.raises(RateLimited):
        loaded.fresh_quote("BTC-USD", 3)
    assert len(venue.paths("ticker")) == 2
    assert not loaded.refresh_due(), "which says nothing about products"


def test_only_symbols_in_use_are_kept_fresh_the_oldest_first(
    loaded: CoinbaseMarket, venue: Venue, clock: HandClock
) -> None:
    for symbol in ("ETH-USD", "BTC-USD"):
        loaded.watch(symbol)
        loaded.fresh_quote(symbol, 3)
        clock.advance(0.5)
    clock.advance(1.1)
    assert loaded.due_actions() == ("quotes",)
    venue.asked.clear()
    loaded._do_what_is_due(threading.Event())
    assert venue.paths() == ["/market/products/ETH-USD/ticker"]
    clock.advance(100_000)
    assert "quotes" not in loaded.due_actions(), "nobody has asked for a day"
    loaded.watch("BTC-USD")
    assert "quotes" in loaded.due_actions()


def test_the_background_keeps_prices_fresh_until_it_is_stopped(
    loaded: CoinbaseMarket, venue: Venue, clock: HandClock
) -> None:
    loaded.watch("BTC-USD")
    stop = threading.Event()
    thread = threading.Thread(target=loaded.keep_fresh, args=(stop,))
    thread.start()
    until(lambda: loaded.quote("BTC-USD"))
    venue.answers["ticker"]["best_ask"] = "60000"
    clock.advance(3)
    until(lambda: (quote := loaded.quote("BTC-USD")) and quote.ask == 60000)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_the_background_outlives_a_venue_that_is_down(loaded: CoinbaseMarket, venue: Venue) -> None:
    venue.refuse |= {"ticker": DOWN, "products": DOWN}
    loaded.watch("BTC-USD")
    loaded.usd_price("ETH")
    loaded.request_instrument_refresh()
    assert loaded._do_what_is_due(threading.Event()) is False
    assert len(venue.paths("ticker")) == 1, "one trouble does not keep the others from being tried"


# -- what coins are worth --------------------------------------------------------------------------------------------


def test_coins_are_worth_their_last_price_from_the_first_listing_on(loaded: CoinbaseMarket) -> None:
    assert loaded.usd_price("BTC") == D("50000.00")
    assert loaded.usd_price("SHIB") == D("0.0000125"), "in another dollar where there is none in this"
    assert [loaded.usd_price(code) for code in ("USD", "USDT", "USDC")] == [1, 1, 1]
    assert loaded.usd_price("GONE") is None
    assert loaded.usd_price("EUR") is None


def test_the_worth_of_coins_that_are_held_is_asked_for_in_one_call(
    loaded: CoinbaseMarket, venue: Venue, clock: HandClock
) -> None:
    assert loaded.due_actions() == ()
    loaded.usd_price("BTC")
    loaded.usd_price("ETH")
    assert loaded.due_actions() == ("worths",)
    venue.answers["products"]["products"][0]["price"] = "51000"
    loaded.refresh_worths()
    assert venue.queries("products")[-1] == {"product_ids": ["BTC-USD", "ETH-USD"]}
    assert loaded.usd_price("BTC") == 51000
    clock.advance(59)
    assert loaded.due_actions() == ()
    clock.advance(1)
    assert loaded.due_actions() == ("worths",)
