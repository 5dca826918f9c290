"""Orders from placing to their end, with the money that moves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.paper_exchange.client import Paper, Trader, eventually


def held(trader: Trader, asset: str = "ZUSD") -> Decimal:
    return Decimal(trader.result("BalanceEx")[asset]["hold_trade"])


class TestMarketOrders:
    def test_a_buy_trades_at_the_ask_and_pays_the_fee_on_top(self, trader: Trader) -> None:
        order = trader.order(trader.market("buy", "0.1"))

        assert order["status"] == "closed"
        assert (order["price"], order["vol_exec"]) == ("50005.00000", "0.10000000")
        assert (order["cost"], order["fee"]) == ("5000.50000", "13.00130")
        assert trader.result("Balance") == {"ZUSD": "94986.4987", "XXBT": "1.1000000000"}

    def test_a_sell_trades_at_the_bid_and_pays_the_fee_in_quote(self, trader: Trader) -> None:
        order = trader.order(trader.market("sell", "0.1"))

        assert (order["price"], order["cost"], order["fee"]) == ("49995.00000", "4999.50000", "12.99870")
        assert trader.result("Balance") == {"ZUSD": "104986.5013", "XXBT": "0.9000000000"}

    def test_a_fee_is_rounded_half_up(self, paper: Paper) -> None:
        paper.patch("/market/BTC-USD", price="50000", spread="0")
        trader = paper.open(fee_rate="0.0001")

        assert trader.order(trader.market("buy", "0.0001"))["fee"] == "0.00050"
        assert trader.order(trader.market("buy", "0.00007777"))["fee"] == "0.00039"

    def test_the_fee_must_be_there_too(self, paper: Paper) -> None:
        order = {"type": "buy", "ordertype": "market", "pair": "XBTUSD", "volume": "0.1"}
        exact = paper.open({"USD": "5013.50130"})
        short = paper.open({"USD": "5013.50129"})

        assert exact.call("AddOrder", **order)["error"] == []
        assert short.error("AddOrder", **order) == "EOrder:Insufficient funds"
        assert exact.result("Balance")["ZUSD"] == "0.0000"

    def test_coins_that_are_not_there_cannot_be_sold(self, trader: Trader) -> None:
        order = {"type": "sell", "ordertype": "market", "pair": "XBTUSD", "volume": "1.00000001"}
        assert trader.error("AddOrder", **order) == "EOrder:Insufficient funds"

    def test_dollars_do_not_pay_for_tether_pairs(self, trader: Trader) -> None:
        order = {"type": "buy", "ordertype": "market", "pair": "XBTUSDT", "volume": "0.001"}
        assert trader.error("AddOrder", **order) == "EOrder:Insufficient funds"

    def test_a_large_order_walks_the_book_in_several_trades(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.1")

        order_id = trader.market("buy", "0.25")

        order, trades = trader.order(order_id), trader.books()["trades"]
        assert [trade["volume"] for trade in trades] == ["0.1", "0.1", "0.05"]
        assert [trade["price"] for trade in trades] == ["50005.0", "50010.0", "50015.0"]
        assert Decimal(order["cost"]) == sum(Decimal(trade["cost"]) for trade in trades)
        assert Decimal(order["fee"]) == sum(Decimal(trade["fee"]) for trade in trades)
        assert order["trades"] == [trade["trade_id"] for trade in trades]
        assert set(trader.result("QueryTrades", txid=",".join(order["trades"]))) == set(order["trades"])

    def test_what_the_book_does_not_have_is_canceled(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.01")

        order = trader.order(trader.market("buy", "0.25"))

        assert (order["status"], order["vol_exec"], order["vol"]) == ("canceled", "0.10000000", "0.25000000")
        assert trader.result("Balance")["XXBT"] == "1.1000000000"

    def test_an_account_has_its_own_fee(self, paper: Paper) -> None:
        trader = paper.open(fee_rate="0.008")

        assert trader.order(trader.market("buy", "0.1"))["fee"] == "40.00400"
        assert trader.result("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.8000"


class TestSizeInQuote:
    def test_a_buy_spends_the_amount(self, trader: Trader) -> None:
        order = trader.order(trader.market("buy", "60", oflags="viqc"))

        assert (order["status"], order["vol"], order["oflags"]) == ("closed", "60.00000000", "fciq,viqc")
        assert order["vol_exec"] == "0.00119988"
        assert Decimal("59.999") < Decimal(order["cost"]) <= 60

    def test_a_sell_is_refused(self, trader: Trader) -> None:
        order = {"type": "sell", "ordertype": "market", "pair": "XBTUSD", "volume": "60", "oflags": "viqc"}
        assert trader.error("AddOrder", **order) == "EGeneral:Invalid arguments:viqc"

    def test_the_minimums_hold(self, trader: Trader) -> None:
        order = {"type": "buy", "ordertype": "market", "pair": "XBTUSD", "volume": "2", "oflags": "viqc"}
        assert trader.error("AddOrder", **order) == "EGeneral:Invalid arguments:volume minimum not met"


class TestLimitOrders:
    def test_a_buy_rests_holds_its_money_and_fills_when_the_price_comes(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "45000")
        assert trader.order(order_id)["status"] == "open"
        assert held(trader) == Decimal("4511.70")

        paper.patch("/market/BTC-USD", price="44000")

        order = trader.order(order_id)
        assert (order["status"], order["price"], order["fee"]) == ("closed", "45000.00000", "11.70000")
        assert held(trader) == 0
        assert trader.result("QueryTrades", txid=order["trades"][0])[order["trades"][0]]["maker"] is True

    def test_a_sell_holds_its_coins(self, paper: Paper, trader: Trader) -> None:
        trader.limit("sell", "0.7", "60000")

        assert held(trader, "XXBT") == Decimal("0.7")
        order = {"type": "sell", "ordertype": "market", "pair": "XBTUSD", "volume": "0.4"}
        assert trader.error("AddOrder", **order) == "EOrder:Insufficient funds"
        assert paper.account(trader)["holds"] == {"BTC": "0.7"}

    def test_one_that_crosses_trades_at_the_better_price(self, trader: Trader) -> None:
        order = trader.order(trader.limit("buy", "0.1", "51000"))

        assert (order["status"], order["price"]) == ("closed", "50005.00000")

    def test_a_part_trades_and_the_rest_waits(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.1")

        order_id = trader.limit("buy", "0.5", "50010")

        assert trader.order(order_id)["status"] == "open"
        assert trader.order(order_id)["vol_exec"] == "0.20000000"
        paper.patch("/market/BTC-USD", price="49000", depth=None)
        assert trader.order(order_id)["vol_exec"] == "0.50000000"

    def test_canceling_frees_the_money(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "45000")

        assert trader.result("CancelOrder", txid=order_id) == {"count": 1}

        order = trader.order(order_id)
        assert (order["status"], order["reason"]) == ("canceled", "User requested")
        assert held(trader) == 0

    @pytest.mark.parametrize(("force", "status"), [("IOC", "canceled"), ("FOK", "canceled"), ("GTC", "open")])
    def test_time_in_force(self, trader: Trader, force: str, status: str) -> None:
        assert trader.order(trader.limit("buy", "0.1", "45000", timeinforce=force))["status"] == status

    def test_fill_or_kill_takes_all_or_nothing(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.1")

        order = trader.order(trader.limit("buy", "0.5", "50010", timeinforce="FOK"))

        assert (order["status"], order["vol_exec"]) == ("canceled", "0.00000000")

    def test_post_only_does_not_take(self, trader: Trader) -> None:
        order = {"type": "buy", "ordertype": "limit", "pair": "XBTUSD", "volume": "0.1", "oflags": "post"}

        assert trader.error("AddOrder", price="51000", **order) == "EOrder:Post only order"
        assert trader.call("AddOrder", price="49000", **order)["error"] == []

    def test_it_expires(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "45000", timeinforce="GTD", expiretm="+0.2")

        eventually(lambda: trader.order(order_id)["status"] == "expired")
        assert held(trader) == 0

    @pytest.mark.parametrize(("price", "resting_at"), [("-10%", "45000.0"), ("-100", "49900.0"), ("#100", "49900.0")])
    def test_a_stray_minus_is_an_offset(self, trader: Trader, price: str, resting_at: str) -> None:
        assert trader.order(trader.limit("buy", "0.1", price))["descr"]["price"] == resting_at


class TestTriggeredOrders:
    @pytest.mark.parametrize(
        ("order_type", "side", "trigger", "moved_to"),
        [
            ("stop-loss", "sell", "45000", "44000"),
            ("stop-loss", "buy", "55000", "56000"),
            ("take-profit", "sell", "55000", "56000"),
            ("take-profit", "buy", "45000", "44000"),
        ],
    )
    def test_they_wait_hold_nothing_and_trade(
        self, paper: Paper, trader: Trader, order_type: str, side: str, trigger: str, moved_to: str
    ) -> None:
        order_id = trader.market(side, "0.1", ordertype=order_type, price=trigger)
        assert trader.order(order_id)["status"] == "pending"
        assert order_id in trader.result("OpenOrders")["open"]
        assert held(trader) == held(trader, "XXBT") == 0

        paper.patch("/market/BTC-USD", price=moved_to)

        assert trader.order(order_id)["status"] == "closed"

    def test_with_a_limit_they_rest(self, paper: Paper, trader: Trader) -> None:
        fields = {"ordertype": "stop-loss-limit", "price": "45000", "price2": "44500"}
        order_id = trader.market("sell", "0.1", **fields)
        text = "sell 0.10000000 XBTUSD @ stop loss 45000.0 -> limit 44500.0"
        assert trader.order(order_id)["descr"]["order"] == text

        paper.patch("/market/BTC-USD", price="44000")

        assert trader.order(order_id)["status"] == "open"

    def test_without_money_at_the_trigger_they_are_canceled(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.market("sell", "1", ordertype="stop-loss", price="45000")
        trader.market("sell", "0.5")

        paper.patch("/market/BTC-USD", price="44000")

        assert (trader.order(order_id)["status"], trader.order(order_id)["vol_exec"]) == ("canceled", "0.00000000")


class TestCanceling:
    def test_what_is_gone_and_what_never_was(self, trader: Trader) -> None:
        filled = trader.market("buy", "0.001")

        assert trader.error("CancelOrder", txid=filled) == "EOrder:Unknown order"
        assert trader.error("CancelOrder", txid="OAAAAA-BBBBB-CCCCCC") == "EOrder:Invalid order"
        assert trader.error("CancelOrder", cl_ord_id="nobody") == "EOrder:Unknown order"
        assert trader.error("CancelOrder") == "EGeneral:Invalid arguments"

    def test_others_orders_are_out_of_reach(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.001", "40000")
        assert paper.open().error("CancelOrder", txid=order_id) == "EOrder:Invalid order"

    def test_a_user_reference_cancels_all_that_carry_it(self, trader: Trader) -> None:
        for _ in range(3):
            trader.limit("buy", "0.001", "40000", userref="42")
        trader.limit("buy", "0.001", "40000", userref="43")

        assert trader.result("CancelOrder", txid="42") == {"count": 3}
        assert trader.result("CancelAll") == {"count": 1}

    @pytest.mark.parametrize("as_json", [True, False])
    def test_a_batch(self, trader: Trader, as_json: bool) -> None:
        first, second = (trader.limit("buy", "0.001", "40000") for _ in range(2))
        third = trader.limit("buy", "0.001", "40000", cl_ord_id="third")
        fields: dict[str, Any] = {"orders": [first, second], "cl_ord_ids": ["third"]}
        if not as_json:
            fields = {"orders[0]": first, "orders[1]": second, "cl_ord_ids[0]": "third"}

        assert trader.call("CancelOrderBatch", as_json=as_json, **fields)["result"] == {"count": 3}
        assert trader.order(third)["status"] == "canceled"

    def test_the_dead_mans_switch_fires(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.001", "40000")
        assert trader.result("CancelAllOrdersAfter", timeout="1")["triggerTime"] != "0"

        eventually(lambda: trader.order(order_id)["status"] == "canceled")

    def test_the_dead_mans_switch_is_disarmed_by_zero(self, trader: Trader) -> None:
        trader.result("CancelAllOrdersAfter", timeout="60")
        assert trader.result("CancelAllOrdersAfter", timeout="0")["triggerTime"] == "0"


class TestChanging:
    def test_amend_keeps_the_id(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "40000", cl_ord_id="mine")

        amended = trader.result("AmendOrder", cl_ord_id="mine", limit_price="41000", order_qty="0.2")

        order = trader.order(order_id)
        assert amended["amend_id"].startswith("T")
        assert (order["status"], order["vol"], order["descr"]["price"]) == ("open", "0.20000000", "41000.0")
        assert held(trader) == Decimal("8221.32")

    def test_amend_needs_the_money(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "40000")

        assert trader.error("AmendOrder", txid=order_id, order_qty="100") == "EOrder:Insufficient funds"
        assert trader.order(order_id)["vol"] == "0.10000000"

    def test_amend_into_the_book_trades(self, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.1", "40000")
        trader.result("AmendOrder", txid=order_id, limit_price="51000")

        assert (trader.order(order_id)["status"], trader.order(order_id)["price"]) == ("closed", "50005.00000")

    def test_edit_makes_a_new_order(self, trader: Trader) -> None:
        old = trader.limit("buy", "0.1", "40000")

        edited = trader.result("EditOrder", txid=old, pair="XBTUSD", price="41000")

        assert edited["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit 41000.0"
        assert trader.order(old)["status"] == "canceled"
        assert trader.order(edited["txid"])["status"] == "open"

    def test_gone_orders_cannot_be_changed(self, trader: Trader) -> None:
        filled = trader.market("buy", "0.001")

        assert trader.error("AmendOrder", txid=filled, order_qty="1") == "EOrder:Unknown order"
        assert trader.error("EditOrder", txid=filled, pair="XBTUSD", volume="1") == "EOrder:Unknown order"


class TestBatches:
    def test_orders_are_judged_one_by_one(self, trader: Trader) -> None:
        orders = [
            {"ordertype": "limit", "type": "buy", "volume": "0.1", "price": "40000"},
            {"ordertype": "limit", "type": "buy", "volume": "1000", "price": "40000"},
        ]

        placed = trader.call("AddOrderBatch", as_json=True, pair="XBTUSD", orders=orders)["result"]["orders"]

        assert placed[0]["descr"] == {"order": "buy 0.10000000 XBTUSD @ limit 40000.0"}
        assert placed[1] == {"error": "EOrder:Insufficient funds"}
        assert list(trader.result("OpenOrders")["open"]) == [placed[0]["txid"]]

    def test_one_bad_parameter_refuses_all(self, trader: Trader) -> None:
        fields = {
            "orders[0][ordertype]": "market",
            "orders[0][type]": "buy",
            "orders[0][volume]": "0.1",
            "orders[1][ordertype]": "market",
            "orders[1][type]": "buy",
            "orders[1][volume]": "0",
        }

        assert trader.error("AddOrderBatch", pair="XBTUSD", **fields) == "EGeneral:Invalid arguments:volume"
        assert trader.books()["orders"] == []

    def test_one_order_is_no_batch(self, trader: Trader) -> None:
        text = trader.error("AddOrderBatch", pair="XBTUSD", **{"orders[0][ordertype]": "market"})
        assert text == "EGeneral:Invalid arguments:orders"


class TestQueries:
    def test_unknown_ids_are_left_out_without_an_error(self, trader: Trader) -> None:
        assert trader.result("QueryOrders", txid="OAAAAA-BBBBB-CCCCCC") == {}
        assert trader.error("QueryOrders") == "EGeneral:Invalid arguments"
        assert trader.error("QueryOrders", cl_ord_id="mine") == "EGeneral:Invalid arguments"

    def test_others_orders_are_not_seen(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.market("buy", "0.001")
        assert paper.open().result("QueryOrders", txid=order_id) == {}

    def test_filters(self, trader: Trader) -> None:
        trader.limit("buy", "0.001", "40000", userref="1")
        mine = trader.limit("buy", "0.001", "40000", cl_ord_id="mine")

        assert list(trader.result("OpenOrders", cl_ord_id="mine")["open"]) == [mine]
        assert len(trader.result("OpenOrders", userref="1")["open"]) == 1
        assert trader.result("QueryOrders", txid=mine, cl_ord_id="other") == {}

    def test_closed_orders_come_in_pages_newest_first(self, trader: Trader) -> None:
        ids = [trader.market("buy", "0.0001") for _ in range(55)]

        first, second = (trader.result("ClosedOrders", ofs=offset) for offset in ("0", "50"))

        assert first["count"] == 55
        assert list(first["closed"]) == ids[:4:-1]
        assert list(second["closed"]) == ids[4::-1]
        assert "count" not in trader.result("ClosedOrders", without_count="true")

    def test_start_is_exclusive_and_end_inclusive(self, trader: Trader) -> None:
        ids = [trader.market("buy", "0.0001") for _ in range(3)]

        assert list(trader.result("ClosedOrders", start=ids[0], end=ids[2])["closed"]) == [ids[2], ids[1]]

    def test_the_history_of_trades(self, trader: Trader) -> None:
        order_id = trader.market("buy", "0.1")

        history = trader.result("TradesHistory", ledgers="true")

        (trade,) = history["trades"].values()
        assert history["count"] == 1
        assert (trade["ordertxid"], trade["pair"], trade["vol"]) == (order_id, "XXBTZUSD", "0.10000000")
        assert set(trader.result("QueryLedgers", id=",".join(trade["ledgers"]))) == set(trade["ledgers"])

    def test_the_ledger_adds_up_to_the_balance(self, trader: Trader) -> None:
        trader.market("buy", "0.1")
        trader.market("sell", "0.05")

        entries = trader.result("Ledgers", asset="ZUSD")["ledger"].values()

        total = sum(Decimal(entry["amount"]) - Decimal(entry["fee"]) for entry in entries)
        assert total == pytest.approx(Decimal(trader.result("Balance")["ZUSD"]), abs=Decimal("0.001"))

    def test_the_worth_of_an_account(self, trader: Trader) -> None:
        assert trader.result("TradeBalance")["eb"] == "150000.0000"
