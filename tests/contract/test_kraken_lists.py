"""Kraken's lists of orders, read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.kraken.orders import parse_next_offset, parse_orders
from bot.domain.enums import Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.orders import VenueOrder

D = Decimal

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
