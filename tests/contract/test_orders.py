"""Market orders that the venue takes, against the books that it keeps of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerOptions
from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.outcomes import Accepted
from tests.contract.checks import (
    BUY,
    assert_has,
    assert_one_filled_order,
    assert_told,
    coins_of,
    refused,
)
from tests.contract.stand import Stand
from tests.contract.venue import PATIENCE_S
from tests.paper_exchange.client import eventually

# -- sizes -----------------------------------------------------------------------------------------------------------


def test_a_buy_by_quote_spends_that_much_and_no_more(stand: Stand) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", Side.BUY, "123.45", SizeType.QUOTE)

    order = assert_one_filled_order(seat, result)
    price, instrument = stand.ask(), seat.broker.instrument("BTC-USD")
    assert result.order is not None
    assert result.report is not None
    assert instrument is not None
    # Not more than was asked for, and less than another lot below it; beside it the fee where it is not inside.
    assert result.order.quantity == instrument.floor_size(Decimal("123.45") / price)
    spent = result.report.cost + (result.report.fee if stand.venue.buys_in_quote else 0)
    assert 0 <= Decimal("123.45") - spent < instrument.lot_step * price
    # The venue makes it from the cost, which it has rounded.
    assert abs(result.report.average_price - price) < Decimal("0.01")
    shown = Decimal(seat.balances()["USD"]).quantize(stand.venue.money_step, ROUND_DOWN)
    assert seat.broker.get_account_balance() == shown
    assert_has(seat, coins_of(order))


@pytest.mark.parametrize(
    "quantity", ["0.0123456789", Decimal("0.0123456789"), 0.0123456789], ids=["text", "Decimal", "float"]
)
def test_a_buy_by_base_gets_that_many_coins_rounded_down_to_a_lot(stand: Stand, quantity: Any) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", "buy", quantity, "base")

    order = assert_one_filled_order(seat, result)
    instrument = seat.broker.instrument("BTC-USD")
    assert result.order is not None
    assert instrument is not None
    assert order["side"] == "buy"
    wanted = Decimal("0.0123456789").quantize(instrument.lot_step, ROUND_DOWN)
    assert result.order.quantity == wanted
    assert wanted / (1 + 2 * stand.venue.fee_rate) < Decimal(order["executed"]) <= wanted


def test_a_sell_gets_the_bid(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "0.1", "base")

    order = assert_one_filled_order(seat, result)
    assert order["side"] == "sell"
    assert Decimal(order["executed"]) == Decimal("0.1")
    assert Decimal(order["cost"]) == Decimal("0.1") * stand.bid()
    assert seat.broker.get_positions() == {"BTC": Decimal("0.4")}


def test_a_sell_by_quote_sells_coins_worth_that_much(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "100", "quote")

    order, instrument = assert_one_filled_order(seat, result), seat.broker.instrument("BTC-USD")
    assert instrument is not None
    assert Decimal(order["executed"]) == instrument.floor_size(100 / stand.bid())


def test_a_sell_of_slightly_more_than_held_sells_all(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "0.505", "base")

    order = assert_one_filled_order(seat, result)
    assert Decimal(order["executed"]) == Decimal("0.5")
    assert seat.broker.get_positions() == {}


def test_a_sell_of_far_more_than_held_sells_nothing(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "1", "base")

    refused(result)
    assert seat.orders() == []
    assert Decimal(seat.balances()["BTC"]) == Decimal("0.5")


def test_all_that_a_buy_brought_can_be_sold_again(stand: Stand) -> None:
    seat = stand.seat().connect()
    assert seat.broker.place_market_order(*BUY)
    coins = seat.broker.get_positions()["BTC"]

    result = seat.broker.place_market_order("BTC-USD", "sell", coins, "base")

    assert result, result.reason
    assert result.report is not None
    instrument = seat.broker.instrument("BTC-USD")
    assert instrument is not None
    assert result.report.executed == instrument.floor_size(coins)
    left = seat.broker.get_positions().get("BTC", Decimal(0))
    assert left < instrument.lot_step


def test_the_smallest_buy_is_enough(stand: Stand) -> None:
    seat = stand.seat().connect()
    quantity, unit = stand.venue.smallest_buy

    assert_one_filled_order(seat, seat.broker.place_market_order("BTC-USD", "buy", quantity, unit))


def test_the_smallest_sell_is_enough(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    assert_one_filled_order(seat, seat.broker.place_market_order("BTC-USD", "sell", stand.venue.smallest_sell))


# -- fills -----------------------------------------------------------------------------------------------------------


def test_a_part_of_an_order_that_fills_is_told_as_a_part(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("partial_fill", fraction="0.25")

    result = seat.broker.place_market_order(*BUY)

    (order,) = seat.orders()
    assert result.state is OrderState.PARTIALLY_FILLED
    assert result.report is not None
    assert result.order is not None
    assert_told(seat, result.report, order)
    whole = result.order.quote_value if stand.venue.buys_in_quote else result.order.quantity
    part = result.report.cost + result.report.fee if stand.venue.buys_in_quote else result.report.executed
    assert abs(part - whole / 4) < Decimal("0.00001")
    assert_has(seat, coins_of(order))


def test_an_order_that_trades_at_several_prices_has_all_its_fills(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.set_market(depth="0.003")

    result = seat.broker.place_market_order(*BUY)

    order = assert_one_filled_order(seat, result)
    trades = stand.paper.get(f"/books?account={seat.login.name}")["trades"]
    assert len({trade["price"] for trade in trades}) > 2
    assert result.report is not None
    if stand.venue.tells_trades:
        told = {fill.trade_id: fill for fill in result.report.fills}
        assert set(told) == {trade["trade_id"] for trade in trades}
        for trade in trades:
            fill = told[trade["trade_id"]]
            assert fill.price == Decimal(trade["price"])
            assert abs(fill.quantity - Decimal(trade["volume"])) < Decimal("1E-10")
            assert abs(fill.fee - Decimal(trade["fee"])) < Decimal("0.0001")
    else:
        (fill,) = result.report.fills
        assert fill.trade_id == order["order_id"]
    assert_has(seat, coins_of(order))


def test_a_fill_that_comes_later_is_waited_for(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.settings(fill_delay_s=0.5)
    began = time.monotonic()

    result = seat.broker.place_market_order(*BUY)

    assert time.monotonic() - began > 0.5
    order = assert_one_filled_order(seat, result)
    assert seat.states() == [OrderState.ACCEPTED], "it is accepted long before it fills"
    assert_has(seat, coins_of(order))


def test_a_fill_that_comes_in_two_parts_is_told_when_both_are_there(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.settings(fill_delay_s=0.3, partial_fill_probability=1)

    result = seat.broker.place_market_order(*BUY)

    order = assert_one_filled_order(seat, result)
    assert len(stand.paper.get(f"/books?account={seat.login.name}")["trades"]) == 2
    assert seat.fakes.trace.count("journal.settled") == 1
    assert_has(seat, coins_of(order))


def test_a_fill_that_the_venue_shows_late_is_waited_for(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.settings(read_lag_s=0.6)

    result = seat.broker.place_market_order(*BUY)

    order = assert_one_filled_order(seat, result)
    assert_has(seat, coins_of(order))


def test_a_wait_that_is_too_short_for_the_fill_still_tells_that_the_order_is_there(stand: Stand) -> None:
    stand.settings(read_lag_s=2)
    seat = stand.seat(options=BrokerOptions(fill_wait_s=0.5))
    eventually(lambda: seat.broker.connect(PATIENCE_S) and seat.broker.get_account_balance() > 0)

    result = seat.broker.place_market_order(*BUY)

    assert isinstance(result.outcome, Accepted), result
    assert result.state is OrderState.ACCEPTED
    assert len(seat.orders()) == 1


def test_orders_of_many_threads_on_one_account_all_arrive(stand: Stand) -> None:
    seat = stand.seat().connect()

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: seat.broker.place_market_order(*BUY), range(8)))

    assert all(results), [result.reason for result in results]
    assert len(seat.orders()) == seat.order_calls() == 8
    assert stand.refused_calls() == {}
