"""Every order of an account as its venue lists it, whoever placed it; and Kraken's lists, read."""

from __future__ import annotations

import time
import uuid
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.kraken.orders import parse_next_offset, parse_orders
from bot.domain.enums import Side
from bot.domain.errors import InvalidAmount, VenueError, VenueUnclear
from bot.domain.orders import VenueOrder
from tests.contract.venues import PATIENCE_S, Seat, Stand
from tests.paper_exchange.client import eventually

D = Decimal


def listed(seat: Seat, since: float = 0.0) -> list[VenueOrder]:
    return seat.broker.list_orders(since).result(PATIENCE_S)


def fault(seat: Seat, kind: str, **more: Any) -> None:
    """A fault of whatever this account is asked for."""
    seat.stand.paper.fault(kind, account=seat.login.name, **more)


# -- at the venue ----------------------------------------------------------------------------------------------------


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
    assert order.quantity == order.executed == D(booked["executed"]) == D("0.01")
    assert (order.cost, order.fee) == (D(booked["cost"]), D(booked["fee"]))
    assert order.time == pytest.approx(booked["opened_at"], abs=0.001)


def test_what_others_placed_and_what_is_still_open_is_listed_too(stand: Stand) -> None:
    seat, name = stand.seat().connect(), str(uuid.uuid4())
    bare = seat.login.market("buy", "0.001")
    named = seat.login.market("buy", "0.002", cl_ord_id=name)
    resting = seat.login.limit("buy", "0.003", "30000")
    found = {order.order_id: order for order in listed(seat, time.time() + 3600)}
    assert list(found) == [resting]
    found = {order.order_id: order for order in listed(seat)}
    assert {order_id: (order.client_order_id, order.open) for order_id, order in found.items()} == {
        bare: (None, False),
        named: (name, False),
        resting: (None, True),
    }
    assert (found[resting].executed, found[resting].quantity) == (D(0), D("0.003"))


def test_more_orders_than_a_page_holds_come_each_once_and_oldest_first(stand: Stand) -> None:
    seat = stand.seat().connect()
    placed = [seat.login.market("buy", "0.0001") for _ in range(101)]
    pages: list[None] = []
    found = seat.broker.list_orders(0.0, lambda: pages.append(None)).result(PATIENCE_S)
    assert [order.order_id for order in found] == placed
    assert len(pages) == 3


def test_orders_that_were_done_before_are_left_out(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.login.market("buy", "0.001")
    between = eventually(lambda: time.time() - seat.orders()[0]["closed_at"] > 1.1 and time.time())
    later = seat.login.market("buy", "0.001")
    assert [order.order_id for order in listed(seat, between)] == [later]


def test_a_page_whose_answer_was_lost_is_asked_for_again(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.login.market("buy", "0.001")
    fault(seat, "http_502", method="ClosedOrders")
    assert len(listed(seat)) == 1


def test_the_balances_afterwards_are_fresh(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.login.market("buy", "0.001")
    listed(seat)
    assert seat.broker.get_account_balance_detailed().holdings == {"BTC": D("0.001")}


def test_a_key_that_was_revoked_is_told_in_the_venues_words(stand: Stand) -> None:
    seat = stand.seat().connect()
    fault(seat, "error", text="EAPI:Invalid key", times=None)
    with pytest.raises(VenueError, match="Invalid key"):
        listed(seat)


def test_an_account_that_is_not_connected_says_so(stand: Stand) -> None:
    with pytest.raises(VenueUnclear, match="not connected"):
        listed(stand.seat())


# -- Kraken's lists --------------------------------------------------------------------------------------------------

ROW: dict[str, Any] = {
    "refid": None,
    "userref": 0,
    "status": "closed",
    "reason": None,
    "opentm": D("1705260547.472"),
    "closetm": D("1705260547.4728658"),
    "descr": {"pair": "LTCUSDT", "type": "buy", "ordertype": "market", "price": "0"},
    "vol": "0.10000000",
    "vol_exec": "0.10000000",
    "cost": "7.105741",
    "fee": "0.018475",
    "price": "71.05741",
}


def _canonical(spelling: str) -> str:
    if spelling != "LTCUSDT":
        raise InvalidAmount(f"{spelling} is not listed")
    return "LTC-USDT"


def parsed(**changes: Any) -> VenueOrder:
    (order,) = parse_orders({"closed": {"O-1": ROW | changes}}, "closed", _canonical)
    return order


def test_a_closed_order_is_read_with_its_exact_numbers() -> None:
    assert parsed() == VenueOrder(
        "O-1", None, "LTC-USDT", Side.BUY, D("0.1"), D("0.1"), D("7.105741"), D("0.018475"), False, 1705260547.472
    )


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_name_that_is_empty_is_none(nothing: Any) -> None:
    assert parsed(cl_ord_id=nothing).client_order_id is None


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("pending", True), ("open", True), ("closed", False), ("canceled", False), ("expired", False)],
)
def test_only_an_order_that_may_still_trade_is_open(status: str, is_open: bool) -> None:
    assert parsed(status=status).open is is_open


def test_a_pair_that_is_not_listed_any_more_keeps_the_venues_spelling() -> None:
    assert parsed(descr={**ROW["descr"], "pair": "LUNAUSD"}).symbol == "LUNAUSD"


@pytest.mark.parametrize(
    "changes",
    [{"vol_exec": None}, {"cost": "NaN"}, {"status": None}, {"descr": None}, {"descr": {"pair": "X", "type": "both"}}],
)
def test_an_order_that_cannot_be_read_is_no_order_to_leave_out(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        parsed(**changes)


@pytest.mark.parametrize("answer", [None, [], {}, {"closed": None}, {"closed": []}, {"open": {}}])
def test_an_answer_without_the_list_says_nothing(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_orders(answer, "closed", _canonical)
    with pytest.raises(VenueUnclear):
        parse_next_offset(answer, 0)


@pytest.mark.parametrize(
    ("rows", "count", "offset", "following"),
    [
        (50, 120, 0, 50),
        (50, 120, 50, 100),
        (20, 120, 100, None),
        (50, 50, 0, None),
        (0, 0, 0, None),
        (0, 120, 50, None),
        (50, None, 0, 50),
        (49, None, 50, None),
    ],
)
def test_the_next_page_begins_where_this_one_ends(rows: int, count: int | None, offset: int, following: Any) -> None:
    answer: dict[str, Any] = {"closed": {f"O-{number}": ROW for number in range(rows)}}
    if count is not None:
        answer["count"] = count
    assert parse_next_offset(answer, offset) == following
