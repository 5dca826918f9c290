"""Coinbase's products, prices, wallets and keys, read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.coinbase.parse import (
    KeyPermissions,
    parse_accounts,
    parse_cursor,
    parse_fee_rate,
    parse_next_page,
    parse_permissions,
    parse_products,
    parse_ticker,
    symbol_table,
)
from bot.brokers.coinbase.reading import time_of
from bot.domain.enums import InstrumentStatus, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.money import plain
from tests.unit.brokers.coinbase_data import own, recorded

D = Decimal


def instruments() -> dict[str, Any]:
    return {product.instrument.symbol: product.instrument for product in parse_products(own("products"))}


# -- products --------------------------------------------------------------------------------------------------------


def test_a_product_is_an_instrument_whose_buys_are_sized_in_quote() -> None:
    found = instruments()["BTC-USD"]
    assert (found.base, found.quote, found.status) == ("BTC", "USD", InstrumentStatus.ONLINE)
    assert (found.lot_step, found.quote_step, found.price_step) == (D("0.00000001"), D("0.01"), D("0.01"))
    assert (found.minimum_size, found.minimum_cost, found.minimum_sale) == (D("0.00000001"), D(1), None)
    assert found.smallest_cost(Side.SELL) == 1, "what cannot be bought for a dollar cannot be sold for less either"


@pytest.mark.parametrize(
    ("symbol", "status"),
    [
        ("GONE-USD", InstrumentStatus.OFFLINE),
        ("HALT-USD", InstrumentStatus.OFFLINE),
        ("OFF-USD", InstrumentStatus.OFFLINE),
        ("VIEW-USD", InstrumentStatus.OFFLINE),
        ("AUCT-USD", InstrumentStatus.OFFLINE),
        ("CANC-USD", InstrumentStatus.CANCEL_ONLY),
        ("LIMT-USD", InstrumentStatus.LIMIT_ONLY),
        ("POST-USD", InstrumentStatus.POST_ONLY),
        ("DOGE-USD", InstrumentStatus.ONLINE),
    ],
)
def test_every_flag_says_what_is_possible(symbol: str, status: InstrumentStatus) -> None:
    assert instruments()[symbol].status is status


def test_futures_and_what_cannot_be_read_are_left_out() -> None:
    assert "BIT-USD" not in instruments()
    assert "BAD-USD" not in instruments()


def test_the_last_price_is_there_unless_there_is_none() -> None:
    prices = {product.product_id: product.price for product in parse_products(own("products"))}
    assert (prices["BTC-USD"], prices["GONE-USD"]) == (D("50000.00"), None)


def test_recorded_products_are_read() -> None:
    found = {product.product_id: product for product in parse_products(recorded("nautilus_http_products.json"))}
    assert set(found) == {"BTC-USD", "BTC-USDC"}
    assert found["BTC-USDC"].instrument.quote == "USDC"


@pytest.mark.parametrize("answer", [None, [], {}, {"products": None}, {"products": {}}, {"products": [7]}])
def test_an_answer_without_products_says_nothing(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_products(answer)


@pytest.mark.parametrize(
    ("pagination", "cursor"),
    [
        (None, None),
        ({}, None),
        ({"has_next": False, "next_cursor": ""}, None),
        ({"has_next": False, "next_cursor": "x"}, None),
        ({"has_next": True, "next_cursor": "x"}, "x"),
    ],
)
def test_products_may_come_in_pages(pagination: Any, cursor: str | None) -> None:
    assert parse_next_page({"products": [], "pagination": pagination}) == cursor


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC-USD", "BTC-USD"),
        ("btc/usd", "BTC-USD"),
        (" BTCUSD ", "BTC-USD"),
        ("BTC-USDC", "BTC-USDC"),
        ("btcusdc", "BTC-USDC"),
        ("ETHBTC", "ETH-BTC"),
        ("SHIB/USDT", "SHIB-USDT"),
    ],
)
def test_every_spelling_has_its_symbol(spelling: str, symbol: str) -> None:
    assert symbol_table(parse_products(own("products"))).canonical(spelling) == symbol


@given(size=st.decimals(0, 10**9, places=12), symbol=st.sampled_from(["BTC-USD", "DOGE-USD", "SHIB-USDT", "ETH-BTC"]))
def test_what_is_sent_is_on_the_grid_never_more_and_without_an_exponent(size: Decimal, symbol: str) -> None:
    instrument = instruments()[symbol]
    for floored, step in (
        (instrument.floor_size(size), instrument.lot_step),
        (instrument.floor_value(size), instrument.quote_step),
    ):
        assert floored % step == 0
        assert size - step < floored <= size
        assert "E" not in plain(floored)


# -- prices ----------------------------------------------------------------------------------------------------------


def test_a_ticker_has_the_best_prices_and_the_last() -> None:
    quote = parse_ticker(own("ticker"), 5.0)
    assert (quote.bid, quote.ask, quote.last, quote.at) == (D("49995.00"), D("50005.00"), D("50000.00"), 5.0)


def test_without_a_last_trade_the_middle_stands_for_it() -> None:
    assert parse_ticker(own("ticker") | {"trades": []}).last == 50000


@pytest.mark.parametrize("changes", [{"best_bid": ""}, {"best_ask": None}, {"best_ask": "0"}, {"best_bid": "NaN"}])
def test_a_market_without_two_sides_has_no_price(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        parse_ticker(own("ticker") | changes)


def test_the_recorded_ticker_is_read() -> None:
    assert parse_ticker(recorded("nautilus_http_ticker.json")).bid == D("68923.66")


# -- the account -----------------------------------------------------------------------------------------------------


def test_wallets_are_what_can_be_spent_and_what_is_held_and_empty_ones_are_left_out() -> None:
    assert parse_accounts(own("accounts")[0]) == [
        ("BTC", D("1.23456789"), D("0.005")),
        ("USD", D("10000.50"), D("450")),
    ]


def test_vaults_and_money_of_futures_buy_no_coins() -> None:
    assert parse_accounts(own("accounts")[1]) == [("USDC", D("25.125"), D(0))]


def test_recorded_wallets_are_read() -> None:
    found = {code: free for code, free, _ in parse_accounts(recorded("nautilus_http_accounts.json"))}
    assert found == {"BTC": D("1.23456789"), "USD": D("10000.50")}


@pytest.mark.parametrize(
    "wallet",
    [
        {"available_balance": {"value": "1"}},
        {"currency": "BTC", "available_balance": None},
        {"currency": "BTC", "available_balance": {"value": "NaN"}},
        {"currency": "BTC", "available_balance": {"value": ""}},
        {"currency": "BTC", "available_balance": {"value": "1"}, "hold": {"value": "x"}},
    ],
)
def test_a_wallet_that_cannot_be_read_is_no_wallet_to_leave_out(wallet: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        parse_accounts({"accounts": [wallet]})


@pytest.mark.parametrize(
    ("page", "cursor"),
    [
        ({"has_next": True, "cursor": "c"}, "c"),
        ({"has_next": False, "cursor": "c"}, None),
        ({"has_next": False, "cursor": ""}, None),
        ({}, None),
    ],
)
def test_a_page_names_the_next_one(page: dict[str, Any], cursor: str | None) -> None:
    assert parse_cursor(page) == cursor


@pytest.mark.parametrize("cursor", [None, "", 7])
def test_a_next_page_without_a_way_to_it_is_no_end(cursor: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_cursor({"has_next": True, "cursor": cursor})


def test_the_fee_rate_is_the_takers() -> None:
    assert parse_fee_rate(own("summary")) == D("0.009")


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"fee_tier": None}, {"fee_tier": {}}, *({"fee_tier": {"taker_fee_rate": r}} for r in ("1", "-1", "x"))],
)
def test_a_fee_rate_that_cannot_be_is_none(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_fee_rate(answer)


def test_what_a_key_may_do() -> None:
    assert parse_permissions(own("permissions")) == KeyPermissions(True, True, False)
    assert parse_permissions(recorded("key_permissions.json")) == KeyPermissions(True, True, False)


@pytest.mark.parametrize("answer", [None, {}, {"can_trade": None}, {"can_trade": "true"}, {"can_trade": True}])
def test_permissions_that_are_not_told_are_not_assumed(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_permissions(answer)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-09-21T14:13:20Z", 1790000000.0),
        ("2026-09-21T14:13:20.5Z", 1790000000.5),
        ("2026-09-21T14:13:20.345053156Z", 1790000000.345053),
        ("2026-09-21T16:13:20+02:00", 1790000000.0),
        ("2026-09-21T14:13:20", 1790000000.0),
        (None, 0.0),
        ("", 0.0),
        ("yesterday", 0.0),
        (7, 0.0),
    ],
)
def test_times_are_read_to_the_microsecond(text: Any, seconds: float) -> None:
    assert time_of(text) == seconds


def test_an_unknown_symbol_names_what_looks_like_it() -> None:
    with pytest.raises(InvalidAmount, match="did you mean"):
        symbol_table(parse_products(own("products"))).canonical("BTCUSX")
