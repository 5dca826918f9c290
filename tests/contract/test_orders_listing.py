"""Every order of an account as its venue lists it, whoever placed it."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from bot.domain.enums import Side
from bot.domain.errors import VenueError, VenueUnclear
from bot.domain.ids import new_client_order_id
from bot.domain.orders import VenueOrder
from tests.contract.stand import Seat, Stand
from tests.contract.venue import PATIENCE_S
from tests.paper_exchange.client import eventually

D = Decimal


def listed(seat: Seat, since: float = 0.0) -> list[VenueOrder]:
    return seat.broker.list_orders(since).result(PATIENCE_S)


def test_an_account_without_orders_has_none(stand: Stand) -> None:
    assert listed(stand.seat().connect()) == []


def test_an_order_is_listed_as_the_venues_own_books_have_it(stand: Stand) -> None:
    seat = stand.seat().connect()
    result = seat.broker.place_market_order("BTC-USD", "buy", "0.01")
    (order,) = listed(seat)
    (booked,) = seat.orders()
    assert result.order is not None
    assert order.client_order_id == result.order.client_order_id == booked["client_order_id"]
    assert order.order_id == booked["order_id"]
    assert (order.symbol, order.side, order.open) == ("BTC-USD", Side.BUY, False)
    assert order.quantity == order.executed == D(booked["executed"])
    assert order.cost == D(booked["cost"])
    assert 0 <= order.fee - D(booked["fee"]) <= stand.venue.slack
    assert order.time == pytest.approx(booked["opened_at"], abs=0.001)


def test_what_others_placed_and_what_is_still_open_is_listed_too(stand: Stand) -> None:
    seat, name = stand.seat({"USD": "10000", "BTC": "1"}).connect(), new_client_order_id()
    bare = seat.trade("sell", "0.001")
    named = seat.trade("buy", "0.002", name)
    resting = seat.login.limit("buy", "0.003", "30000")
    found = {order.order_id: order for order in listed(seat, time.time() + 3600)}
    assert list(found) == [resting]

    found = {order.order_id: order for order in listed(seat)}

    booked = {row["order_id"]: row for row in seat.orders()}
    assert list(found) == [bare, named, resting]
    assert {key: order.client_order_id for key, order in found.items()} == {
        key: row["client_order_id"] for key, row in booked.items()
    }
    assert found[named].client_order_id == name
    assert [order.open for order in found.values()] == [False, False, True]
    assert [order.side for order in found.values()] == [Side.SELL, Side.BUY, Side.BUY]
    assert [order.quantity for order in found.values()] == [D("0.001"), D("0.002"), D("0.003")]
    assert [order.executed for order in found.values()] == [D("0.001"), D("0.002"), D(0)]


def test_more_orders_than_a_page_holds_come_each_once_and_oldest_first(stand: Stand) -> None:
    seat = stand.seat({"USD": "20000"}).connect()
    count, pages = stand.venue.listing
    stand.settings(rate_limits=False, fill_delay_s=0)
    placed = [seat.login.market("buy", "0.0003") for _ in range(count)]
    stand.settings(rate_limits=True)
    seen: list[None] = []
    found = seat.broker.list_orders(0.0, lambda: seen.append(None)).result(PATIENCE_S)
    assert [order.order_id for order in found] == placed
    assert len(seen) == pages
    assert stand.refused_calls() == {}


def test_orders_that_were_done_before_are_left_out(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.trade("buy", "0.001")
    between = eventually(lambda: time.time() - seat.orders()[0]["closed_at"] > 1.1 and time.time())
    later = seat.trade("buy", "0.001")
    assert [order.order_id for order in listed(seat, between)] == [later]


@pytest.mark.parametrize("kind", ["http_502", "truncated", "empty_result"])
def test_a_page_whose_answer_was_lost_is_asked_for_again(stand: Stand, kind: str) -> None:
    seat = stand.seat().connect()
    seat.trade("buy", "0.001")
    seat.any_fault(kind, method=stand.venue.listing_method)
    assert len(listed(seat)) == 1


def test_the_balances_afterwards_are_fresh(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.trade("buy", "0.001")
    listed(seat)
    coins = seat.broker.get_account_balance_detailed().holdings
    assert set(coins) == {"BTC"}
    assert abs(coins["BTC"] - D(seat.balances()["BTC"])) <= stand.venue.slack


def test_a_key_that_was_revoked_is_told_in_the_venues_words(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", enabled=False)
    with pytest.raises(VenueError, match=stand.venue.revoked_says):
        listed(seat)


def test_an_account_that_is_not_connected_says_so(stand: Stand) -> None:
    with pytest.raises(VenueUnclear, match="not connected"):
        listed(stand.seat())
