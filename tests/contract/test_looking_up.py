"""Orders of an earlier process, and of others, among which one is found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.enums import OrderState
from bot.domain.outcomes import Unknown
from tests.contract.checks import (
    BUY,
    IMPATIENT,
    adopted,
    assert_has,
    assert_told,
    coins_of,
    order_of,
    send,
    take_up,
)
from tests.contract.stand import Stand
from tests.contract.venues import each
from tests.fakes.ports import RecordingObserver
from tests.paper_exchange.client import eventually

# -- an earlier process ----------------------------------------------------------------------------------------------


def test_an_order_whose_answer_an_earlier_process_lost_is_found_by_the_next(stand: Stand) -> None:
    first = stand.seat(options=IMPATIENT).connect()
    first.fault("reset", when="after")
    result = first.broker.place_market_order(*BUY)
    assert isinstance(result.outcome, Unknown)
    assert result.order is not None

    seat = stand.again(first).connect()
    take_up(seat, result.order)

    (order,) = seat.orders()
    assert adopted(seat) == order["order_id"]
    ((_, report, state),) = seat.fakes.trace.wait_for("observer.settled")
    assert state is OrderState.FILLED
    assert_told(seat, report, order)
    assert seat.broker.wait_for_balances(10)
    assert_has(seat, coins_of(order))
    assert seat.order_calls() == 1


def test_an_order_whose_fill_an_earlier_process_did_not_see_has_it_in_the_next(stand: Stand) -> None:
    stand.settings(read_lag_s=1)
    first = stand.seat(options=IMPATIENT)
    eventually(lambda: first.broker.connect(10) and first.broker.get_account_balance() > 0)
    result = first.broker.place_market_order(*BUY)
    assert result.state is OrderState.ACCEPTED
    assert result.order is not None

    seat = stand.again(first).connect()
    take_up(seat, result.order, result.order_id)

    ((_, report, state),) = seat.fakes.trace.wait_for("observer.settled")
    (order,) = seat.orders()
    assert state is OrderState.FILLED
    assert_told(seat, report, order)
    assert seat.fakes.trace.count("observer.answered") == 0
    assert seat.order_calls() == 1


# -- among others ----------------------------------------------------------------------------------------------------


def test_an_order_is_found_among_the_closed_ones_by_its_name(stand: Stand) -> None:
    seat = stand.seat().connect()
    order, other = order_of(seat), order_of(seat)
    seat.login.market("buy", "0.01", other.client_order_id)
    order_id = seat.trade("buy", "0.01", order.client_order_id)
    seat.login.market("buy", "0.01")
    take_up(seat, order)

    assert adopted(seat) == order_id
    ((_, report, state),) = seat.fakes.trace.wait_for("observer.settled")
    assert (state, report.executed) == (OrderState.FILLED, Decimal("0.01"))


def test_an_order_is_found_among_the_open_ones_by_its_name(stand: Stand) -> None:
    seat = stand.seat().connect()
    order, other = order_of(seat), order_of(seat)
    seat.login.limit("buy", "0.01", "40000", other.client_order_id)
    order_id = seat.login.limit("buy", "0.01", "40000", order.client_order_id)
    take_up(seat, order)

    assert adopted(seat) == order_id
    assert seat.fakes.trace.count("observer.settled") == 0, "it is not done yet"


def test_an_order_is_found_behind_many_newer_ones(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.settings(rate_limits=False, fill_delay_s=0)
    order = order_of(seat, "0.001")
    order_id = seat.login.market("buy", "0.001", order.client_order_id)
    for _ in range(60):
        seat.login.market("buy", "0.0003")
    stand.settings(rate_limits=True)
    take_up(seat, order)

    assert adopted(seat) == order_id


def test_look_ups_keep_to_the_venue_s_limit_on_reads(stand: Stand) -> None:
    seat = stand.seat().connect()
    for _ in range(stand.venue.reads):
        seat.broker.refresh_balances(10)
    order = order_of(seat)
    order_id = seat.login.market("buy", "0.01", order.client_order_id)
    take_up(seat, order)

    assert adopted(seat) == order_id
    assert stand.refused_calls() == {}


# -- the same name again ---------------------------------------------------------------------------------------------


@each("answered", lambda venue: venue.duplicates)
def test_an_order_whose_name_an_open_one_has_already_is_taken_for_that_one(
    stand: Stand, answered: Mapping[str, Any]
) -> None:
    stand.settings(**answered)
    seat = stand.seat().connect()
    order = order_of(seat)
    first = seat.login.limit("buy", "0.01", "40000", order.client_order_id)

    departure = seat.broker.prepare_market_order(order, RecordingObserver(seat.fakes.trace))
    departure.send()
    departure.go_on()

    seat.fakes.trace.wait_until(lambda: seat.states()[-1:] == [OrderState.ACCEPTED])
    _, outcome, _, _ = seat.fakes.trace.of("observer.answered")[-1]
    assert outcome.order_id == first
    assert [row["order_id"] for row in seat.orders()] == [first]


@each("answered", lambda venue: venue.duplicates if venue.names_are_unique_for_good else {})
@pytest.mark.parametrize("process", ["same process", "next process"])
def test_the_same_order_sent_again_under_its_name_is_one_order(
    stand: Stand, answered: Mapping[str, Any], process: str
) -> None:
    stand.settings(**answered)
    seat = stand.seat().connect()
    order = order_of(seat)
    first = send(seat, order)
    if process == "next process":
        seat = stand.again(seat).connect()

    second = send(seat, order)

    assert second == first
    (booked,) = seat.orders()
    assert booked["order_id"] == first
    assert seat.order_calls() == 2
    assert Decimal(seat.balances()["BTC"]) == coins_of(booked)


@each("answered", lambda venue: venue.duplicates if venue.names_are_unique_for_good else {})
def test_the_same_order_sent_again_after_its_answer_was_lost_is_one_order(
    stand: Stand, answered: Mapping[str, Any]
) -> None:
    stand.settings(**answered)
    first = stand.seat(options=IMPATIENT).connect()
    first.fault("http_504", when="after")
    result = first.broker.place_market_order(*BUY)
    assert isinstance(result.outcome, Unknown)
    assert result.order is not None
    seat = stand.again(first).connect()

    order_id = send(seat, result.order)

    (booked,) = seat.orders()
    assert booked["order_id"] == order_id
    assert seat.order_calls() == 2
