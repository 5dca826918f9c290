"""Orders that are refused: before they are sent, by the venue, and for now."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import OrderState
from bot.domain.errors import RateLimited
from bot.domain.orders import Refused
from tests.contract.checks import BUY, IMPATIENT, assert_nothing_sent, assert_one_filled_order, refused
from tests.contract.stand import Stand
from tests.contract.venue import PATIENCE_S, Refusal
from tests.contract.venues import each
from tests.paper_exchange.client import eventually, running

# -- what is refused before it is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quantity", [0, "0", -1, "-0.5", "nan", float("nan"), "inf", "abc", "", None, True, [1]], ids=repr
)
@pytest.mark.parametrize("unit", ["base", "quote"])
def test_a_size_that_is_none_is_refused_and_named(stand: Stand, quantity: Any, unit: str) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", "buy", quantity, unit)

    assert_nothing_sent(seat, result)
    assert "size" in result.reason


@pytest.mark.parametrize(("side", "unit"), [("hold", "base"), ("", "base"), ("buy", "shares")])
def test_a_side_or_unit_that_is_none_is_refused(stand: Stand, side: str, unit: str) -> None:
    seat = stand.seat().connect()

    assert_nothing_sent(seat, seat.broker.place_market_order("BTC-USD", side, "0.01", unit))


@each("size", lambda venue: venue.too_small_buys)
def test_less_than_the_venue_s_minimum_is_refused_with_the_minimum(stand: Stand, size: tuple[str, str]) -> None:
    seat = stand.seat().connect()
    quantity, unit = size

    result = seat.broker.place_market_order("BTC-USD", "buy", quantity, unit)

    assert_nothing_sent(seat, result)
    assert "minimum" in result.reason
    assert stand.venue.too_small_says in result.reason


def test_a_sell_of_less_than_the_venue_s_minimum_is_refused(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", stand.venue.too_small_sell)

    assert_nothing_sent(seat, result)
    assert "minimum" in result.reason


def test_an_account_without_money_does_not_buy(stand: Stand) -> None:
    seat = stand.seat({"USD": "0.49"}).connect()

    result = seat.broker.place_market_order(*BUY)

    assert_nothing_sent(seat, result)
    assert "UNDERFUNDED - will NOT trade" in result.reason


def test_an_account_with_too_little_money_for_the_fee_does_not_buy(stand: Stand) -> None:
    seat = stand.seat({"USD": "500"}).connect()

    result = seat.broker.place_market_order(*BUY)

    assert_nothing_sent(seat, result)
    assert "nsufficient funds" in result.reason


def test_a_closed_gate_stops_every_order(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000", "BTC": "1"}).connect()
    seat.fakes.gate.refused = Refused("kill switch", "the test says so")

    for side in ("buy", "sell"):
        result = seat.broker.place_market_order("BTC-USD", side, "0.01", "base")
        assert_nothing_sent(seat, result)
        assert "the test says so" in result.reason


# -- what the venue refuses ------------------------------------------------------------------------------------------


@each("refusal", lambda venue: venue.refusals)
def test_a_refusal_of_the_venue_is_told_in_its_words_and_nothing_is_there(stand: Stand, refusal: Refusal) -> None:
    seat = stand.seat().connect()
    seat.fault("error", text=refusal.text)

    result = seat.broker.place_market_order(*BUY)

    outcome = refused(result)
    assert (outcome.sent, outcome.not_now, outcome.account_barred) == (True, refusal.passes, False)
    assert refusal.says in result.reason
    assert seat.states() == [OrderState.REJECTED]
    assert seat.order_calls() == 1
    assert seat.orders() == []
    assert seat.broker.connected
    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def test_a_pair_that_stopped_trading_meanwhile_is_refused_by_the_venue(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.set_market(status="cancel_only")

    result = seat.broker.place_market_order(*BUY)

    outcome = refused(result)
    assert (outcome.sent, outcome.not_now) == (True, True)
    assert stand.venue.stopped_says in result.reason
    assert seat.orders() == []
    assert seat.broker.connected


def test_a_pair_that_stopped_trading_holds_up_no_other_pair(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.set_market(status="cancel_only")
    refused(seat.broker.place_market_order(*BUY))

    assert seat.broker.place_market_order("ETH-USD", "buy", "0.1", "base")


def test_a_minimum_that_rose_meanwhile_is_learnt_from_the_refusal(stand: Stand) -> None:
    seat = stand.seat().connect()
    ((name, value),) = stand.venue.raised_minimum.items()
    stand.set_market(**{name: value})

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).sent
    assert stand.venue.raised_says in result.reason

    def learnt() -> bool:
        return getattr(seat.broker.instrument("BTC-USD"), name) == Decimal(value)

    eventually(learnt)
    assert seat.order_calls() == 1
    refused(seat.broker.place_market_order(*BUY))
    assert seat.order_calls() == 1


def test_money_that_is_gone_is_a_refusal(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", balances={"USD": "10"})

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).sent
    assert stand.venue.no_money_says in result.reason
    assert seat.orders() == []
    assert seat.broker.connected


@each("change", lambda venue: venue.taken_away)
def test_a_key_that_was_taken_away_bars_the_account(stand: Stand, change: Mapping[str, Any]) -> None:
    seat = stand.seat().connect()
    assert seat.broker.place_market_order(*BUY)
    stand.paper.patch(f"/accounts/{seat.login.name}", **change)

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).account_barred
    assert seat.broker.barred
    assert not seat.broker.connected
    calls = seat.order_calls()
    refused(seat.broker.place_market_order(*BUY))
    assert seat.order_calls() == calls
    assert len(seat.orders()) == 1


def test_a_key_that_may_not_do_this_bars_the_account_until_it_may_again(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("permission_revoked")

    assert refused(seat.broker.place_market_order(*BUY)).account_barred

    assert seat.broker.barred
    assert seat.orders() == []
    assert seat.broker.resume(PATIENCE_S)
    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


# -- what is refused for now -----------------------------------------------------------------------------------------


def test_too_fast_is_a_refusal_that_passes_and_the_account_waits_for_it(stand: Stand) -> None:
    seat = stand.seat().connect()
    refusal = stand.venue.too_many_orders
    seat.fault("error", text=refusal.text)

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).not_now
    assert seat.broker.paused
    assert refusal.says in seat.broker.status
    assert not refused(seat.broker.place_market_order(*BUY)).sent
    assert seat.order_calls() == 1
    assert seat.orders() == []
    assert seat.broker.resume(PATIENCE_S)
    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def test_too_many_requests_is_a_refusal_that_passes_and_the_account_waits_for_it(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("http_429")

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).not_now
    assert seat.broker.paused
    assert seat.order_calls() == 1
    assert seat.orders() == []


def test_a_limit_on_questions_stops_no_order(stand: Stand) -> None:
    seat = stand.seat(options=IMPATIENT).connect()
    # The price is known from here on: the next order needs nothing but its own call.
    assert seat.broker.place_market_order("BTC-USD", "buy", "0.02", "base")
    eventually(lambda: seat.broker.settled_balances)
    seat.any_fault("http_429", method=stand.venue.balance_method)
    with pytest.raises(RateLimited):
        seat.broker.refresh_balances(PATIENCE_S)

    result = seat.broker.place_market_order(*BUY)

    assert result, result.reason
    assert len(seat.orders()) == seat.order_calls() == 2


def test_a_venue_that_takes_no_connection_is_a_refusal_and_nothing_was_sent(stand: Stand) -> None:
    with running("--prices", "fixed") as gone, closing(replace(stand, paper=gone, _connections={}, _brokers=[])) as own:
        seat = own.seat().connect()
        # Price and balances are fresh now, so that the next order needs nothing but its own call.
        assert seat.broker.place_market_order(*BUY)
        gone.process.kill()
        gone.process.wait()

        result = seat.broker.place_market_order(*BUY)

        outcome = refused(result)
        assert (outcome.sent, outcome.not_now) == (False, True)
        assert "connection" in result.reason
