"""A master's orders become signals; nobody else's do."""

from __future__ import annotations

import logging
import time
from decimal import ROUND_DOWN, Decimal

import pytest

from bot.domain.enums import Side, SizeType
from bot.domain.ids import signal_id_of
from bot.reporting.lines import LogAnnouncer
from tests.contract.checks import BUY, IMPATIENT, assert_one_filled_order, coins_of
from tests.contract.stand import Stand

NOT_COPIED = "⚠️ User accounts will NOT copy this trade!"


def test_a_master_s_order_becomes_a_signal_with_everything_from_before_it(stand: Stand) -> None:
    seat = stand.seat({"USD": "900", "USDC": "100", "BTC": "0.25"}, master=True).connect()
    before = time.time()

    result = seat.broker.place_market_order("BTC-USD", "buy", "100", "quote")

    order = assert_one_filled_order(seat, result)
    (signal,) = seat.fakes.sink.signals
    assert result.order is not None
    assert signal.broker is stand.venue.venue
    assert signal.master == seat.broker.account
    assert (signal.symbol, signal.side) == ("BTC-USD", Side.BUY)
    if stand.venue.buys_in_quote:
        assert (signal.size_type, signal.size) == (SizeType.QUOTE, Decimal(100))
    else:
        assert (signal.size_type, signal.size) == (SizeType.BASE, result.order.quantity)
    assert signal.price == stand.ask()
    assert signal.order_id == order["order_id"]
    assert signal.master_balance == Decimal(1000)
    assert signal.position_before == Decimal("0.25")
    assert signal.signal_id == signal_id_of(seat.broker.account, result.order.client_order_id)
    assert before <= signal.timestamp <= time.time()
    assert 0 < signal.answered_ns <= time.monotonic_ns()


def test_a_master_s_second_order_tells_balance_and_position_after_the_first(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000"}, master=True).connect()

    first = seat.broker.place_market_order("BTC-USD", "buy", "0.01", "base")
    (order,) = seat.orders()
    seat.broker.place_market_order("BTC-USD", "sell", "0.004", "base")

    _, signal = seat.fakes.sink.signals
    assert first.report is not None
    assert (signal.side, signal.size_type, signal.size) == (Side.SELL, SizeType.BASE, Decimal("0.004"))
    left = 1000 - first.report.cost - (0 if stand.venue.fee_in_coin else first.report.fee)
    assert signal.master_balance == left.quantize(stand.venue.money_step, ROUND_DOWN)
    assert abs(signal.position_before - coins_of(order)) <= stand.venue.slack


def test_the_signal_does_not_wait_for_the_fill(stand: Stand) -> None:
    seat = stand.seat(master=True).connect()
    stand.settings(fill_delay_s=0.4)

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))

    trace = seat.fakes.trace
    assert trace.position("journal.intend") < trace.position("expect") < trace.position("journal.answered")
    assert trace.position("emit") < trace.position("journal.settled")


def test_a_user_s_order_never_becomes_a_signal(stand: Stand) -> None:
    seat = stand.seat().connect()

    assert seat.broker.place_market_order(*BUY)

    assert seat.fakes.sink.signals == []
    assert "expect" not in seat.fakes.trace.steps


@pytest.mark.parametrize("fault", ["error", "http_502"])
def test_a_master_s_order_that_is_not_accepted_becomes_no_signal(stand: Stand, fault: str) -> None:
    seat = stand.seat(master=True, options=IMPATIENT).connect()
    seat.fault(fault, when="before", text=stand.venue.refusals["no money"].text)

    assert not seat.broker.place_market_order(*BUY)

    assert seat.fakes.sink.signals == []
    # Whoever was told to expect one was told that it will not come.
    assert seat.fakes.trace.of("expect")[-1] is None


def test_a_master_s_order_that_is_found_becomes_its_signal_once_and_as_old_as_it_is(stand: Stand) -> None:
    seat = stand.seat(master=True).connect()
    seat.fault("http_502", when="after")
    before = time.time()

    result = seat.broker.place_market_order(*BUY)

    order = assert_one_filled_order(seat, result)
    (signal,) = seat.fakes.sink.signals
    assert signal.order_id == order["order_id"]
    assert before <= signal.timestamp < before + 0.4, "the venue was asked half a second later"
    assert (signal.position_before, signal.master_balance) == (0, 10_000)


@pytest.mark.parametrize("trouble", ["full", "broken"])
def test_a_failing_emission_says_so_and_leaves_the_trade_alone(
    stand: Stand, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    seat = stand.seat(master=True, announcer=LogAnnouncer()).connect()
    if trouble == "full":
        seat.fakes.sink.takes = False
    else:
        seat.fakes.sink.error = RuntimeError("the queue is broken")

    with caplog.at_level(logging.INFO, logger="nija"):
        result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    assert NOT_COPIED in [record.getMessage() for record in caplog.records]
