"""Coinbase's answers about orders, read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.coinbase.orders import (
    parse_fill_count,
    parse_fill_time,
    parse_fills,
    parse_found,
    parse_order,
    parse_order_id,
    parse_orders,
    with_fills,
)
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount, VenueRejected, VenueUnclear
from bot.domain.ids import AccountId, ClientOrderId, TradeId, VenueOrderId
from bot.domain.orders import Fill, MarketOrder, OrderReport
from tests.unit.brokers.coinbase_data import own, recorded

D = Decimal
NAME = ClientOrderId("name-1")
ORDER = MarketOrder(AccountId("a", BrokerType.COINBASE), NAME, "BTC-USD", Side.BUY, D("0.00003"), D(50000))


def answer(**changes: Any) -> dict[str, Any]:
    return {"order": own("bought")["order"] | changes}


# -- placing ---------------------------------------------------------------------------------------------------------


def test_a_placed_order_has_an_id() -> None:
    assert parse_order_id(own("placed"), NAME) == "order-1"


def test_one_that_was_placed_before_under_the_same_name_is_the_same_order() -> None:
    # Recorded from somebody who used a name twice: success, the first order's id, nothing new.
    found = parse_order_id(recorded("create_order_success_2025.json"), ClientOrderId("clientOrderId"))
    assert found == "5abcda4c-55de-4f6d-837e-7a7799bc5d52"


def test_what_stands_beside_a_success_in_older_answers_does_not_count() -> None:
    legacy = own("placed") | {"failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "something else"}
    assert parse_order_id(legacy, NAME) == "order-1"


def test_a_refusal_is_raised_by_its_meaning() -> None:
    with pytest.raises(VenueRejected, match="INSUFFICIENT_FUND"):
        parse_order_id(own("refused"), NAME)


PLACED = {"order_id": "order-1", "client_order_id": "name-1"}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"success": None},
        {"success": "true", "success_response": PLACED},
        {"success": True},
        {"success": True, "success_response": None, "order_id": "order-1"},
        {"success": True, "success_response": {}},
        {"success": True, "success_response": PLACED | {"order_id": ""}},
        {"success": True, "success_response": PLACED | {"order_id": 7}},
        {"success": True, "success_response": PLACED | {"client_order_id": "name-2"}},
    ],
)
def test_an_answer_that_names_no_order_of_ours_says_nothing(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_order_id(answer, NAME)


@pytest.mark.parametrize("configuration", [None, {}, {"market_market_ioc": None}])
def test_a_null_that_the_sdk_would_break_on_does_not_lose_an_order(configuration: Any) -> None:
    assert parse_order_id(own("placed") | {"order_configuration": configuration}, NAME) == "order-1"


# -- finding ---------------------------------------------------------------------------------------------------------


def test_an_order_is_found_by_its_name_whatever_became_of_it() -> None:
    assert parse_found(own("orders"), ORDER, "BTC-USD") == "order-1"


def test_an_order_that_is_not_on_the_page_is_not_found() -> None:
    page = own("orders")
    page["orders"].pop()
    assert parse_found(page, ORDER, "BTC-USD") is None


@pytest.mark.parametrize("changes", [{"side": "SELL"}, {"product_id": "ETH-USD"}, {"order_id": None}])
def test_an_order_of_the_name_that_is_something_else_is_not_taken_for_it(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        parse_found({"orders": [own("bought")["order"] | changes]}, ORDER, "BTC-USD")


@pytest.mark.parametrize("page", [None, {}, {"orders": None}, {"orders": [None]}])
def test_a_page_that_cannot_be_read_proves_nothing(page: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_found(page, ORDER, "BTC-USD")


# -- what became of it -----------------------------------------------------------------------------------------------


def test_a_buy_costs_what_was_spent_without_its_fee() -> None:
    report = parse_order(own("bought"), "BTC-USD")
    assert report.order_id == "order-1"
    assert (report.executed, report.average_price) == (D("0.0000297766749379"), D(50000))
    assert report.cost + report.fee == D("1.5")
    assert (report.fee_currency, report.final, report.reason) == ("USD", True, "")


def test_recorded_orders_are_read() -> None:
    bought = parse_order(recorded("order_filled_market_buy_quote.json"), "BTC-USD")
    assert bought.cost + bought.fee == D("1.5")
    assert bought.executed == D("0.0000144833961948")
    row = recorded("order_filled_market_sell_base.json")["orders"][0]
    sold = parse_order({"order": row}, "ADA-USDT")
    assert (sold.executed, sold.cost, sold.fee, sold.fee_currency) == (D(10), D("3.92"), D("0.03136"), "USDT")


@pytest.mark.parametrize(
    ("status", "final"),
    [
        ("PENDING", False),
        ("OPEN", False),
        ("QUEUED", False),
        ("CANCEL_QUEUED", False),
        ("EDIT_QUEUED", False),
        ("UNKNOWN_ORDER_STATUS", False),
        ("SOMETHING_NEW", False),
        ("FILLED", True),
        ("CANCELLED", True),
        ("EXPIRED", True),
        ("FAILED", True),
    ],
)
def test_only_a_state_that_ends_it_is_final_whatever_is_filled(status: str, final: bool) -> None:
    assert parse_order(answer(status=status), "BTC-USD").final is final


def test_filled_with_nothing_is_not_final() -> None:
    assert not parse_order(answer(filled_size="0", filled_value="0"), "BTC-USD").final


def test_a_cancelled_order_has_what_it_got() -> None:
    report = parse_order(answer(status="CANCELLED", cancel_message="price protection"), "BTC-USD")
    assert (report.executed > 0, report.final, report.reason) == (True, True, "price protection")


def test_a_failed_order_says_why_and_has_nothing() -> None:
    nothing = {"filled_size": "", "filled_value": "", "total_fees": "", "average_filled_price": ""}
    report = parse_order(answer(status="FAILED", reject_reason="HOLD_FAILURE", **nothing), "BTC-USD")
    assert (report.executed, report.cost, report.fee, report.final) == (0, 0, 0, True)
    assert report.reason == "HOLD_FAILURE"


def test_a_price_that_is_not_told_is_made_from_cost_and_size() -> None:
    report = parse_order(answer(average_filled_price="", filled_size="0.5", filled_value="100"), "BTC-USD")
    assert report.average_price == 200


@pytest.mark.parametrize(
    "broken", [None, {}, {"order": None}, answer(status=""), answer(filled_size="x"), answer(order_id=None)]
)
def test_an_order_that_cannot_be_read_is_unclear(broken: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_order(broken, "BTC-USD")


# -- fills -----------------------------------------------------------------------------------------------------------


def test_the_fills_of_a_buy_are_in_coins_though_the_venue_tells_them_in_money() -> None:
    report = parse_order(own("bought"), "BTC-USD")
    found = with_fills(report, parse_fills(own("fills_bought"), "USD"), 0)
    assert [fill.trade_id for fill in found.fills] == ["trade-1", "trade-2"]
    assert found.fills[0].quantity.quantize(D("1E-12")) == D("0.00002")
    assert sum(fill.quantity for fill in found.fills) == report.executed
    assert sum(fill.cost for fill in found.fills) == report.cost
    assert sum(fill.fee for fill in found.fills) == report.fee
    assert found.fills[0].time == pytest.approx(1790000000.34)


def test_the_fills_of_a_sale_are_as_they_are() -> None:
    report = parse_order(own("sold"), "BTC-USD")
    found = with_fills(report, parse_fills(own("fills_sold"), "USD"), 0)
    (fill,) = found.fills
    assert fill == Fill(TradeId("trade-3"), D("0.01"), D(49990), D("499.90"), D("4.4991"), "USD", fill.time)


def test_an_order_without_its_fills_is_told_as_one() -> None:
    report = parse_order(own("bought"), "BTC-USD")
    (fill,) = with_fills(report, (), 7.0).fills
    assert fill == Fill(TradeId("order-1"), report.executed, D(50000), report.cost, report.fee, "USD", 7.0)


def test_an_order_that_got_nothing_has_no_fills() -> None:
    assert with_fills(parse_order(answer(status="FAILED", filled_size="0"), "BTC-USD"), (), 0).fills == ()


def test_fills_of_coins_that_cost_next_to_nothing_are_read() -> None:
    page = own("fills_bought")
    for fill in page["fills"]:
        fill["price"] = "0.000000000001"
    first, _ = parse_fills(page, "USD")
    assert first.quantity == D("1E12")


def test_sizes_in_money_with_the_fee_inside_keep_their_shares() -> None:
    page = own("fills_bought")
    for fill in page["fills"]:
        fill["size"] = str(D(fill["size"]) + D(fill["commission"]))
    report = parse_order(own("bought"), "BTC-USD")
    found = with_fills(report, parse_fills(page, "USD"), 0)
    assert found.fills[0].quantity.quantize(D("1E-12")) == D("0.00002")
    assert sum(fill.quantity for fill in found.fills) == report.executed


amounts = st.decimals("0.00000001", 1000, places=8)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=6), amounts, amounts, amounts)
def test_sums_of_fills_are_the_orders_own_whatever_the_venue_rounded(
    parts: list[tuple[Decimal, Decimal]], executed: Decimal, cost: Decimal, fee: Decimal
) -> None:
    report = OrderReport(VenueOrderId("o"), executed, D(1), cost, fee, "USD", final=True)
    fills = [
        Fill(TradeId(str(n)), size, price, size * price, D(0), "USD", 0.0) for n, (size, price) in enumerate(parts)
    ]
    found = with_fills(report, fills, 0.0).fills
    assert len(found) == len(parts)
    assert sum(fill.quantity for fill in found) == pytest.approx(executed)
    assert sum(fill.cost for fill in found) == pytest.approx(cost)
    assert sum(fill.fee for fill in found) == fee


@pytest.mark.parametrize("changes", [{"trade_id": ""}, {"price": "0"}, {"price": None}, {"size": "x"}])
def test_a_fill_that_cannot_be_read_is_unclear(changes: dict[str, Any]) -> None:
    page = own("fills_sold")
    page["fills"][0].update(changes)
    with pytest.raises(VenueUnclear):
        parse_fills(page, "USD")


def test_the_count_and_the_time_of_fills_are_known_or_zero() -> None:
    assert parse_fill_count(own("bought")) == 2
    assert parse_fill_count(answer(number_of_fills="")) == 0
    assert parse_fill_time(own("bought")) == pytest.approx(1790000000.345)
    assert parse_fill_time(answer(last_fill_time=None)) == pytest.approx(1790000000.278)
    assert parse_fill_time(answer(last_fill_time=None, created_time=None)) == 0


# -- listing ---------------------------------------------------------------------------------------------------------


def canonical(spelling: str) -> str:
    if spelling != "BTC-USD":
        raise InvalidAmount("not listed")
    return spelling


def test_every_order_of_a_page_is_listed_with_its_exact_numbers() -> None:
    resting, sold, bought = parse_orders(own("orders"), canonical)
    assert (resting.client_order_id, resting.open, resting.quantity, resting.executed) == (
        "name-3",
        True,
        D("0.02"),
        D(0),
    )
    assert (sold.side, sold.open, sold.quantity, sold.executed) == (Side.SELL, False, D("0.01"), D("0.01"))
    assert (sold.cost, sold.fee) == (D("499.9"), D("4.4991"))
    # Sized in money, it is as large as what it got.
    assert bought.quantity == bought.executed == D("0.0000297766749379")
    assert bought.time == pytest.approx(1790000000.278515)


@pytest.mark.parametrize("name", [None, ""])
def test_a_name_that_is_empty_is_none(name: Any) -> None:
    (order,) = parse_orders({"orders": [own("sold")["order"] | {"client_order_id": name}]}, canonical)
    assert order.client_order_id is None


@pytest.mark.parametrize("configuration", [None, {}, {"market_market_ioc": None}, {"x": {"base_size": ""}}])
def test_a_size_that_is_not_told_is_what_was_filled(configuration: Any) -> None:
    (order,) = parse_orders({"orders": [own("sold")["order"] | {"order_configuration": configuration}]}, canonical)
    assert order.quantity == D("0.01")


def test_a_product_that_is_not_listed_any_more_keeps_the_venues_spelling() -> None:
    (order,) = parse_orders({"orders": [own("sold")["order"] | {"product_id": "LUNA-USD"}]}, canonical)
    assert order.symbol == "LUNA-USD"


def test_recorded_pages_are_read() -> None:
    assert len(parse_orders(recorded("order_filled_market_sell_base.json"), canonical)) == 1
    assert parse_orders(recorded("nautilus_http_orders_list.json"), canonical)[0].quantity == D("0.01")
    assert parse_fills(recorded("nautilus_http_fills.json"), "USD")[0].fee == D("1.14")


@pytest.mark.parametrize("changes", [{"side": "BOTH"}, {"side": None}, {"filled_value": "NaN"}, {"status": None}])
def test_an_order_that_cannot_be_read_is_no_order_to_leave_out(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        parse_orders({"orders": [own("sold")["order"] | changes]}, canonical)
