"""What an account has, and what may be traded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.enums import InstrumentStatus
from bot.domain.money import DOLLARS
from tests.contract.checks import BUY, assert_nothing_sent
from tests.contract.stand import Stand
from tests.contract.venue import PATIENCE_S
from tests.contract.venues import each

# -- what the account has --------------------------------------------------------------------------------------------


def test_the_trading_balance_is_dollars_of_every_kind(stand: Stand) -> None:
    held = {code: Decimal(amount) for code, amount in stand.venue.every_kind.items()}
    seat = stand.seat(stand.venue.every_kind).connect()

    assert seat.broker.get_account_balance() == sum(held[code] for code in DOLLARS if code in held)
    assert seat.broker.get_positions() == {code: amount for code, amount in held.items() if code not in DOLLARS}


def test_money_and_coins_in_open_orders_are_held_and_not_spendable(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000", "BTC": "0.5"})
    seat.login.limit("buy", "0.01", "40000")
    seat.login.limit("sell", "0.2", "60000")
    seat.connect()

    balances = seat.broker.get_account_balance_detailed()

    fee = Decimal(0) if stand.venue.fee_in_coin else 400 * stand.venue.fee_rate
    assert balances.held == {"USD": 400 + fee, "BTC": Decimal("0.2")}
    assert balances.available["BTC"] == Decimal("0.3")
    assert balances.trading_balance == 600 - fee
    assert balances.holdings == {"BTC": Decimal("0.5")}


def test_equity_counts_coins_at_the_market_price_held_ones_too(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000", "USDC": "100", "BTC": "0.5", "DOGE": "100"})
    seat.login.limit("sell", "0.2", "60000")
    seat.connect()
    stand.connection().ask_prices()

    equity = seat.broker.refresh_balances(PATIENCE_S).equity

    prices = {symbol: Decimal(row["last"]) for symbol, row in stand.market().items()}
    # A dollar of any kind counts as one, as in the trading balance.
    assert equity == 1100 + Decimal("0.5") * prices["BTC-USD"] + 100 * prices["DOGE-USD"]


def test_the_fee_rate_is_the_account_s_own(stand: Stand) -> None:
    peculiar, rate = stand.venue.own_fee

    assert stand.seat().connect().broker.get_account_balance_detailed().fee_rate == stand.venue.fee_rate
    assert stand.seat(peculiar=peculiar).connect().broker.get_account_balance_detailed().fee_rate == rate


def test_what_comes_in_meanwhile_is_there_when_it_is_asked_for(stand: Stand) -> None:
    seat = stand.seat({"USD": "100"}).connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", balances={"USD": "250.5", "BTC": "0.125"})

    balances = seat.broker.refresh_balances(PATIENCE_S)

    assert balances.trading_balance == Decimal("250.5")
    assert balances.holdings == {"BTC": Decimal("0.125")}


@pytest.mark.parametrize("kind", ["http_503", "html", "truncated"])
def test_balances_that_cannot_be_read_leave_those_that_are_known(stand: Stand, kind: str) -> None:
    seat = stand.seat({"USD": "100", "BTC": "0.5"}).connect()
    seat.any_fault(kind, method=stand.venue.balance_method)

    with pytest.raises(Exception, match=r"answer|HTTP|gateway|503"):
        seat.broker.refresh_balances(PATIENCE_S)

    assert seat.broker.get_account_balance() == 100
    assert seat.broker.get_positions() == {"BTC": Decimal("0.5")}


# -- instruments -----------------------------------------------------------------------------------------------------


@each("symbol", lambda venue: venue.symbols)
def test_steps_and_minimums_are_the_venue_s(stand: Stand, symbol: str) -> None:
    seat = stand.seat().connect()
    row = stand.market()[symbol]

    instrument = seat.broker.instrument(symbol)

    assert instrument is not None
    assert f"{instrument.base}-{instrument.quote}" == instrument.symbol == symbol
    assert instrument.lot_step == Decimal(row["size_step"])
    assert instrument.price_step == Decimal(row["price_step"])
    assert instrument.minimum_size == Decimal(row["minimum_size"])
    assert instrument.minimum_cost == Decimal(row["minimum_cost"])
    assert instrument.status is InstrumentStatus.ONLINE
    assert (instrument.quote_step is not None) is stand.venue.buys_in_quote


@pytest.mark.parametrize("part", [0, 1], ids=["half", "other half"])
def test_every_spelling_trades_its_symbol(stand: Stand, part: int) -> None:
    # Two accounts, so that neither reaches the venue's limit on questions about its fills.
    spellings = dict(list(stand.venue.spellings.items())[part::2])
    money = {code: "10000" for code in DOLLARS if code in stand.venue.every_kind}
    seat = stand.seat(money).connect()

    for spelling, symbol in spellings.items():
        result = seat.broker.place_market_order(spelling, "buy", "20", "quote")
        assert result.order is not None, (spelling, result.reason)
        assert result.order.symbol == symbol
        assert result, (spelling, result.reason)

    assert [order["symbol"] for order in seat.orders()] == list(spellings.values())


def test_a_symbol_that_is_not_listed_has_no_instrument_and_no_order(stand: Stand) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("NOPE-USD", "buy", "10", "quote")

    assert seat.broker.instrument("NOPE-USD") is None
    assert_nothing_sent(seat, result)
    assert "NOPE-USD" in result.reason


def test_a_pair_that_is_not_traded_is_known_as_such_and_gets_no_order(stand: Stand) -> None:
    stand.set_market(status="cancel_only")
    seat = stand.seat().connect()

    result = seat.broker.place_market_order(*BUY)

    instrument = seat.broker.instrument("BTC-USD")
    assert instrument is not None
    assert instrument.status is not InstrumentStatus.ONLINE
    assert_nothing_sent(seat, result)
    assert "BTC-USD" in result.reason
    assert stand.venue.closed_says in result.reason
