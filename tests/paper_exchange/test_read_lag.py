"""The read lag: what queries show trails, what the books show does not."""

from __future__ import annotations

from decimal import Decimal

from tests.paper_exchange.client import Paper, Trader, eventually


def held(trader: Trader) -> Decimal:
    return Decimal(trader.result("BalanceEx")["ZUSD"]["hold_trade"])


def test_reads_trail_and_the_books_do_not(paper: Paper, trader: Trader) -> None:
    paper.patch("/settings", read_lag_s=0.5)
    order_id = trader.market("buy", "0.1", cl_ord_id="late")

    assert trader.result("QueryOrders", txid=order_id) == {}
    assert trader.result("ClosedOrders", cl_ord_id="late")["closed"] == {}
    assert trader.result("Balance") == {"ZUSD": "100000.0000", "XXBT": "1.0000000000"}
    assert trader.books()["orders"][0]["status"] == "closed"

    assert eventually(lambda: trader.result("QueryOrders", txid=order_id))[order_id]["status"] == "closed"
    assert trader.result("Balance")["XXBT"] == "1.1000000000"


def test_a_canceled_order_still_shows_open(paper: Paper, trader: Trader) -> None:
    order_id = trader.limit("buy", "0.1", "40000")
    paper.patch("/settings", read_lag_s=0.4)
    eventually(lambda: order_id in trader.result("OpenOrders")["open"])

    trader.result("CancelOrder", txid=order_id)

    assert order_id in trader.result("OpenOrders")["open"]
    assert held(trader) > 0
    eventually(lambda: trader.result("OpenOrders")["open"] == {})
    assert held(trader) == 0
