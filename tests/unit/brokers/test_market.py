"""What is the same in the markets of all venues, shown with a venue that is made up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.limiter import Pacer
from bot.brokers.market import BatchQuotes, PublicListing, Quote
from bot.brokers.symbols import SymbolNames, SymbolTable
from bot.domain.enums import BrokerType
from bot.domain.errors import InvalidAmount, RateLimited, VenueUnclear
from bot.domain.instruments import Instrument
from tests.unit.brokers.clocks import HandClock

D = Decimal


@dataclass(frozen=True)
class Coin:
    instrument: Instrument
    name: str


def coin(base: str) -> Coin:
    return Coin(Instrument(f"{base}-USD", base, "USD", D("0.01"), D("0.01"), D("0.01"), D(1)), f"{base}/USD")


class MadeUpMarket(PublicListing[Coin], BatchQuotes[Coin]):
    """Lists what it is told to and answers every question, or raises what it is told to."""

    venue = BrokerType.KRAKEN
    question_interval_s = 0.0001
    look_s = 0.005
    names_a_call = 2

    def __init__(self, clock: HandClock | None = None) -> None:
        super().__init__(clock, Pacer(0.0001), 0.01, 3_600.0)
        self.coins = [coin("AAA"), coin("BBB"), coin("CCC")]
        self.asked: list[Any] = []
        self.listing_error: Exception | None = None
        self.prices_error: Exception | None = None
        self.while_asking: Callable[[], None] = lambda: None

    def close(self) -> None:
        self.asked.append("closed")

    def _ask_listing(self) -> None:
        self._in_turn(self._answer_listing)
        self._list(self.coins, SymbolTable(SymbolNames(one.instrument.symbol, (one.name,), ()) for one in self.coins))

    def _answer_listing(self) -> None:
        self.asked.append("listing")
        if self.listing_error is not None:
            raise self.listing_error

    def _name_of(self, listed: Coin) -> str:
        return listed.name

    def _ask_prices(self, names: list[str]) -> Mapping[str, Quote]:
        self.asked.append(names)
        self.while_asking()
        if self.prices_error is not None:
            raise self.prices_error
        return {self._listing.table.canonical(name): Quote(D(1), D(2)) for name in names}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def market(clock: HandClock) -> MadeUpMarket:
    made = MadeUpMarket(clock)
    made.load()
    made.asked.clear()
    return made


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def test_before_the_listing_is_known_no_symbol_is(clock: HandClock) -> None:
    market = MadeUpMarket(clock)
    assert not market.loaded
    assert market.symbols == ()
    with pytest.raises(InvalidAmount):
        market.instrument("AAA-USD")
    market.ensure_loaded()
    market.ensure_loaded()
    assert market.asked == ["listing"]
    assert market.instrument("aaa/usd").symbol == "AAA-USD"


def test_an_empty_listing_replaces_nothing_and_is_asked_for_again(market: MadeUpMarket) -> None:
    market.coins = []
    with pytest.raises(VenueUnclear, match="lists nothing"):
        market.load()
    assert market.instrument("AAA-USD").base == "AAA"
    assert market.refresh_due()


def test_prices_are_asked_for_in_questions_that_fit(market: MadeUpMarket) -> None:
    market.refresh_quotes(["CCC-USD", "AAA-USD", "BBB-USD", "GONE-USD"])
    assert market.asked == [["AAA/USD", "BBB/USD"], ["CCC/USD"]]


def test_an_answer_that_took_too_long_is_no_fresh_price(market: MadeUpMarket, clock: HandClock) -> None:
    market.while_asking = lambda: clock.advance(4)
    with pytest.raises(VenueUnclear, match="AAA-USD"):
        market.fresh_quote("AAA-USD", 3)
    assert market.quote_age("AAA-USD") == pytest.approx(4)


def test_a_question_that_is_limited_is_asked_once_more_in_its_turn(market: MadeUpMarket) -> None:
    market.listing_error = RateLimited("too many", 1)
    with pytest.raises(RateLimited):
        market.load()
    assert market.asked == ["listing", "listing"]


@pytest.mark.parametrize(
    "error", [VenueUnclear("no answer"), AttributeError("a shape that nobody thought of")], ids=["venue", "surprise"]
)
def test_prices_are_kept_fresh_although_the_listing_is_not_to_be_had(market: MadeUpMarket, error: Exception) -> None:
    market.listing_error = error
    market.watch("AAA-USD")
    market.request_instrument_refresh()
    assert market.due_actions() == ("instruments", "quotes")
    assert market._do_what_is_due(threading.Event()) is False
    assert market.asked == ["listing", ["AAA/USD"]]
    assert market.quote("AAA-USD") is not None


def test_the_background_outlives_what_nobody_thought_of_and_ends_when_it_is_stopped() -> None:
    market, stop = MadeUpMarket(), threading.Event()
    market.watch("AAA-USD")
    market.listing_error, market.prices_error = KeyError("rows"), VenueUnclear("no answer")
    keeper = threading.Thread(target=market.keep_fresh, args=(stop,))
    keeper.start()
    until(lambda: len(market.asked) > 2)
    market.listing_error = market.prices_error = None
    until(lambda: market.quote("AAA-USD"))
    stop.set()
    keeper.join(30)
    assert not keeper.is_alive()
