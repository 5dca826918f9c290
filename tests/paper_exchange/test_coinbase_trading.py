"""Orders at Coinbase: how they fill, what they cost to the last digit, what is refused, and looking them up."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from tests.paper_exchange.client import Paper, eventually
from tests.paper_exchange.coinbase_client import FINAL, CoinbaseTrader, open_coinbase


class TestFills:
    def test_a_buy_in_quote_pays_its_fee_out_of_the_quote(self, coinbase: Paper) -> None:
        coinbase.patch("/market/BTC-USD", price="102795.89", spread="0.02")
        trader = open_coinbase(coinbase, {"USD": "100"})

        order = trader.trade(quote_size="1.5")

        # the figures of a recorded order: 1.5 / 1.0075, and not a digit of it rounded to the increment
        assert order["filled_value"] == "1.488833746898263"
        assert order["total_fees"] == "0.011166253101737"
        assert order["total_value_after_fees"] == "1.5"
        assert order["filled_size"] == "0.0000144833961948"
        assert order["average_filled_price"] == "102795.8999998081720639"
        assert (order["size_in_quote"], order["size_inclusive_of_fees"]) == (True, True)
        assert trader.wallets() == {"USD": ("98.5", "0"), "BTC": ("0.0000144833961948", "0")}

    def test_a_sell_in_base_pays_its_fee_on_top(self, coinbase_trader: CoinbaseTrader) -> None:
        order = coinbase_trader.trade("SELL", base_size="0.12345678")

        value = Decimal("0.12345678") * 49995
        assert Decimal(order["filled_value"]) == value
        assert Decimal(order["total_fees"]) == value * Decimal("0.0075")
        assert Decimal(order["total_value_after_fees"]) == value * Decimal("0.9925")
        assert (order["size_in_quote"], order["size_inclusive_of_fees"]) == (False, False)
        wallets = coinbase_trader.wallets()
        assert Decimal(wallets["USD"][0]) == 100000 + value * Decimal("0.9925")
        assert wallets["BTC"][0] == "0.87654322"

    def test_a_buy_in_base_pays_its_fee_on_top(self, coinbase_trader: CoinbaseTrader) -> None:
        order = coinbase_trader.trade(base_size="0.1")

        assert (order["filled_value"], order["total_fees"]) == ("5000.5", "37.50375")
        assert order["total_value_after_fees"] == "5038.00375"
        assert coinbase_trader.wallets()["USD"] == ("94961.99625", "0")

    def test_it_is_accepted_first_and_fills_later(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/settings?venue=coinbase", fill_delay_s=1.5)
        order_id = coinbase_trader.place(quote_size="1000")

        order = coinbase_trader.order(order_id)
        assert (order["status"], order["filled_size"], order["number_of_fills"]) == ("PENDING", "0", "0")
        assert (order["outstanding_hold_amount"], order["settled"]) == ("1000", False)
        assert coinbase_trader.wallets()["USD"] == ("99000", "1000")

        order = coinbase_trader.settled(order_id)
        assert (order["status"], order["outstanding_hold_amount"], order["settled"]) == ("FILLED", "0", True)
        assert coinbase_trader.wallets()["USD"] == ("99000", "0")
        (booked,) = coinbase_trader.books()["orders"]
        # The loop's timer counts from the beginning of its round, a little before the order was accepted.
        assert booked["closed_at"] - booked["opened_at"] >= 0.39

    def test_a_pending_sell_holds_its_coins(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/settings?venue=coinbase", fill_delay_s=5)
        coinbase_trader.place("SELL", base_size="0.75")

        assert coinbase_trader.wallets()["BTC"] == ("0.25", "0.75")
        assert coinbase_trader.refused("SELL", base_size="0.5")[0] == "INSUFFICIENT_FUND"

    def test_who_cannot_pay_any_more_when_it_fills_has_a_failed_order(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader
    ) -> None:
        coinbase.patch("/settings?venue=coinbase", fill_delay_s=1.5)
        order_id = coinbase_trader.place(base_size="1.95")
        coinbase.patch("/market/BTC-USD", price="60000")

        order = coinbase_trader.settled(order_id)

        assert (order["status"], order["reject_reason"], order["filled_size"]) == ("FAILED", "HOLD_FAILURE", "0")
        assert coinbase_trader.wallets()["USD"] == ("100000", "0")

    def test_it_may_come_in_two_parts(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/settings?venue=coinbase", fill_delay_s=1.5, partial_fill_probability=1)
        order_id = coinbase_trader.place(quote_size="1000")

        partial = eventually(
            lambda: next((o for o in [coinbase_trader.order(order_id)] if o["filled_size"] != "0"), None)
        )
        order = coinbase_trader.settled(order_id)

        assert (partial["status"], partial["number_of_fills"]) == ("OPEN", "1")
        assert 0 < Decimal(partial["completion_percentage"]) < 100
        assert (order["status"], order["number_of_fills"], order["completion_percentage"]) == ("FILLED", "2", "100")
        assert order["total_value_after_fees"] == "1000"
        fills = coinbase_trader.get("/orders/historical/fills", order_ids=order_id)["fills"]
        assert sum(Decimal(fill["size"]) for fill in fills) == Decimal(order["filled_value"])
        assert sum(Decimal(fill["commission"]) for fill in fills) == Decimal(order["total_fees"])

    def test_what_the_book_cannot_fill_is_canceled(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/market/BTC-USD?venue=coinbase", depth="0.01")

        order = coinbase_trader.trade("SELL", base_size="0.5")

        assert (order["status"], order["filled_size"]) == ("CANCELLED", "0.1")

    def test_a_limit_order_rests_is_filled_or_canceled(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        filled, canceled = (coinbase_trader.limit("BUY", "0.1", "40000") for _ in range(2))
        assert coinbase_trader.order(filled)["status"] == "OPEN"
        assert coinbase_trader.wallets()["USD"] == ("91940", "8060")

        answer = coinbase_trader.call("POST", "/orders/batch_cancel", {"order_ids": [canceled]}).json()
        coinbase.patch("/market/BTC-USD?venue=coinbase", price="39000")

        assert answer["results"][0]["success"] is True
        assert coinbase_trader.order(canceled)["status"] == "CANCELLED"
        assert coinbase_trader.settled(filled)["average_filled_price"] == "40000"
        reasons = coinbase_trader.call("POST", "/orders/batch_cancel", {"order_ids": [filled, canceled]}).json()
        assert [row["failure_reason"] for row in reasons["results"]] == [
            "ORDER_IS_FULLY_FILLED",
            "DUPLICATE_CANCEL_REQUEST",
        ]

    def test_dust_remains_when_it_is_sold_back(self, coinbase: Paper) -> None:
        trader = open_coinbase(coinbase, {"USD": "100"})
        bought = trader.trade(quote_size="33.33")
        size = str(Decimal(bought["filled_size"]).quantize(Decimal("0.00000001"), "ROUND_DOWN"))

        assert trader.refused("SELL", base_size=bought["filled_size"])[1] == "PREVIEW_INVALID_SIZE_PRECISION"
        trader.trade("SELL", base_size=size)

        assert Decimal(trader.wallets()["BTC"][0]) == Decimal(bought["filled_size"]) - Decimal(size) > 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("side", "sizes", "error", "reason"),
        [
            ("BUY", {"quote_size": "10.001"}, "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"),
            ("SELL", {"base_size": "0.000000001"}, "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION"),
            ("BUY", {"quote_size": "0.99"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
            ("SELL", {"base_size": "0.00001"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
            ("BUY", {"base_size": "0"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
            ("BUY", {"base_size": "-1"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
            ("SELL", {"base_size": "3401"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
            ("BUY", {"quote_size": "ten"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_NON_NUMERIC_ORDER_SIZE"),
            ("BUY", {"quote_size": "1e2"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_NON_NUMERIC_ORDER_SIZE"),
            ("BUY", {"quote_size": "100000.01"}, "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
            ("BUY", {"base_size": "1.99"}, "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
            ("SELL", {"base_size": "1.00000001"}, "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
            ("SELL", {"quote_size": "10"}, "UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
            ("BUY", {}, "UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
            (
                "BUY",
                {"quote_size": "10", "base_size": "0.1"},
                "UNSUPPORTED_ORDER_CONFIGURATION",
                "PREVIEW_INVALID_ORDER_CONFIG",
            ),
            ("HOLD", {"base_size": "0.1"}, "INVALID_SIDE", "PREVIEW_INVALID_SIDE"),
            (
                "BUY",
                {"configuration": {"twap_limit_gtd": {}}},
                "UNSUPPORTED_ORDER_CONFIGURATION",
                "PREVIEW_INVALID_ORDER_CONFIG",
            ),
            (
                "BUY",
                {"configuration": {"limit_limit_gtc": {"base_size": "0.1", "limit_price": "40000.001"}}},
                "INVALID_PRICE_PRECISION",
                "PREVIEW_INVALID_PRICE_PRECISION",
            ),
            (
                "BUY",
                {"configuration": {"limit_limit_gtc": {"base_size": "0.1", "limit_price": "60000", "post_only": True}}},
                "INVALID_LIMIT_PRICE_POST_ONLY",
                "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
            ),
        ],
    )
    def test_the_market_says_no_with_http_200(
        self, coinbase_trader: CoinbaseTrader, side: str, sizes: dict[str, str], error: str, reason: str
    ) -> None:
        assert coinbase_trader.refused(side, **sizes) == (error, reason)
        assert coinbase_trader.books()["orders"] == []

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"product_id": None}, "valid product_id is required"),
            ({"product_id": "NOPE-USD"}, "ProductID is invalid"),
            ({"product_id": "ADA-USD"}, "ProductID is invalid"),
            ({"product_id": "BTC-USDC"}, "account is not available"),
            ({"client_order_id": ""}, "client_order_id is required"),
            ({"order_configuration": {"market_market_ioc": {"quote_size": 10}}}, "quote_size must be a string"),
        ],
    )
    def test_a_bad_argument_is_http_400(
        self, coinbase_trader: CoinbaseTrader, body: dict[str, object], message: str
    ) -> None:
        good = {
            "client_order_id": "c1",
            "product_id": "BTC-USD",
            "side": "BUY",
            "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
        }

        answer = coinbase_trader.call("POST", "/orders", good | body)

        assert answer.status_code == 400
        assert answer.json() == {"error": "INVALID_ARGUMENT", "error_details": message, "message": message}

    @pytest.mark.parametrize("status", ["cancel_only", "limit_only", "post_only"])
    def test_a_market_that_does_not_take_market_orders(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, status: str
    ) -> None:
        coinbase.patch("/market/BTC-USD?venue=coinbase", status=status)

        assert coinbase_trader.get("/products/BTC-USD")[status] is True
        assert coinbase_trader.refused(quote_size="10")[1] == "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE"

    def test_a_refused_order_does_not_use_up_its_client_id(self, coinbase_trader: CoinbaseTrader) -> None:
        coinbase_trader.refused(quote_size="0.5", client_order_id="again")
        coinbase_trader.place(quote_size="5", client_order_id="again")

        assert [order["client_order_id"] for order in coinbase_trader.books()["orders"]] == ["again"]

    @pytest.mark.parametrize(
        ("path", "status", "error"),
        [
            ("/orders/historical/None", 400, "INVALID_ARGUMENT"),
            ("/orders/historical/00000000-0000-4000-8000-000000000000", 404, "NOT_FOUND"),
            ("/products/NOPE-USD", 404, "NOT_FOUND"),
            ("/accounts/00000000-0000-4000-8000-000000000000", 404, "NOT_FOUND"),
            ("/product_book", 400, "INVALID_ARGUMENT"),
            ("/products/BTC-USD/candles", 400, "INVALID_ARGUMENT"),
            ("/portfolios", 404, "NOT_FOUND"),
        ],
    )
    def test_what_is_not_there(self, coinbase_trader: CoinbaseTrader, path: str, status: int, error: str) -> None:
        answer = coinbase_trader.call("GET", path)
        assert (answer.status_code, answer.json()["error"]) == (status, error)


class TestDuplicates:
    def test_the_first_order_comes_back_as_a_success(self, coinbase_trader: CoinbaseTrader) -> None:
        first = coinbase_trader.trade(quote_size="10", client_order_id="same")["order_id"]

        again = coinbase_trader.submit("SELL", "BTC-USD", base_size="0.5", client_order_id="same").json()

        assert again["success"] is True
        assert again["success_response"]["order_id"] == first
        # side and size are of the new request, which did nothing
        assert again["success_response"]["side"] == "SELL"
        assert again["order_configuration"]["market_market_ioc"]["base_size"] == "0.5"
        assert len(coinbase_trader.books()["orders"]) == 1

    def test_it_is_refused_when_that_is_set(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/settings", duplicate_client_order_id="reject")
        coinbase_trader.trade(quote_size="10", client_order_id="same")

        assert coinbase_trader.refused(quote_size="10", client_order_id="same")[0] == "DUPLICATE_CLIENT_ORDER_ID"
        assert len(coinbase_trader.books()["orders"]) == 1

    def test_another_account_may_use_it_too(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        other = open_coinbase(coinbase)
        ids = {trader.place(quote_size="10", client_order_id="same") for trader in (coinbase_trader, other)}
        assert len(ids) == 2


class TestPreview:
    def preview(self, trader: CoinbaseTrader, side: str, **sizes: str) -> dict[str, object]:
        body = {"product_id": "BTC-USD", "side": side, "order_configuration": {"market_market_ioc": sizes}}
        return trader.call("POST", "/orders/preview", body).json()

    def test_it_says_what_the_order_then_costs(self, coinbase_trader: CoinbaseTrader) -> None:
        preview = self.preview(coinbase_trader, "BUY", quote_size="100")
        order = coinbase_trader.trade(quote_size="100")

        assert (preview["errs"], preview["order_total"]) == ([], "100")
        assert (preview["commission_total"], preview["base_size"]) == (order["total_fees"], order["filled_size"])

    @pytest.mark.parametrize(
        ("sizes", "reason"),
        [({"quote_size": "200000"}, "PREVIEW_INSUFFICIENT_FUND"), ({}, "PREVIEW_INVALID_ORDER_CONFIG")],
    )
    def test_it_says_what_is_wrong_and_places_nothing(
        self, coinbase_trader: CoinbaseTrader, sizes: dict[str, str], reason: str
    ) -> None:
        assert self.preview(coinbase_trader, "BUY", **sizes)["errs"] == [reason]
        assert coinbase_trader.books()["orders"] == []


class TestLists:
    def test_orders_page_by_page_newest_first(self, coinbase_trader: CoinbaseTrader) -> None:
        placed = [coinbase_trader.place(quote_size="10") for _ in range(5)]

        first = coinbase_trader.get("/orders/historical/batch", limit=2)
        # what comes in between does not move the pages
        coinbase_trader.place(quote_size="10")
        second = coinbase_trader.get("/orders/historical/batch", limit=2, cursor=first["cursor"])
        third = coinbase_trader.get("/orders/historical/batch", limit=2, cursor=second["cursor"])

        assert [order["order_id"] for answer in (first, second, third) for order in answer["orders"]] == placed[::-1]
        assert [answer["has_next"] for answer in (first, second, third)] == [True, True, False]
        assert third["cursor"] == ""

    def test_orders_by_what_they_are(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        filled = coinbase_trader.trade(quote_size="10")["order_id"]
        since = time.time()
        resting = coinbase_trader.limit("BUY", "0.01", "40000")
        ether = coinbase_trader.trade("BUY", "ETH-USD", quote_size="10")["order_id"]
        sold = coinbase_trader.trade("SELL", base_size="0.01")["order_id"]

        def ids(**query: object) -> set[str]:
            return {order["order_id"] for order in coinbase_trader.get("/orders/historical/batch", **query)["orders"]}

        started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)) + f"{since % 1:.6f}"[1:] + "Z"
        assert ids() == {filled, resting, ether, sold}
        assert ids(product_ids=["ETH-USD"]) == {ether}
        assert ids(order_status="OPEN") == {resting}
        assert ids(order_status=["FILLED", "CANCELLED"]) == {filled, ether, sold}
        assert ids(order_side="SELL") == {sold}
        assert ids(order_ids=[filled, sold]) == {filled, sold}
        assert ids(start_date=started) == {resting, ether, sold}
        assert ids(end_date=started) == {filled}
        refused = coinbase_trader.call("GET", "/orders/historical/batch", order_status=["OPEN", "FILLED"])
        assert refused.status_code == 400

    def test_the_open_filter_leaves_out_what_is_pending(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/settings?venue=coinbase", fill_delay_s=5)
        order_id = coinbase_trader.place(quote_size="10")

        assert coinbase_trader.get("/orders/historical/batch", order_status="OPEN")["orders"] == []
        (listed,) = coinbase_trader.get("/orders/historical/batch")["orders"]
        assert (listed["order_id"], listed["status"]) == (order_id, "PENDING")

    def test_fills_of_an_order_sized_in_quote_are_in_quote(self, coinbase_trader: CoinbaseTrader) -> None:
        order = coinbase_trader.trade(quote_size="100")

        (fill,) = coinbase_trader.get("/orders/historical/fills", order_ids=[order["order_id"]])["fills"]

        assert (fill["size_in_quote"], fill["size"]) == (True, order["filled_value"])
        assert (fill["commission"], fill["price"]) == (order["total_fees"], "50005")
        assert fill["sequence_timestamp"] > fill["trade_time"]

    def test_fills_page_by_page_until_the_cursor_is_empty(self, coinbase_trader: CoinbaseTrader) -> None:
        orders = [coinbase_trader.trade(quote_size="10")["order_id"] for _ in range(3)]

        first = coinbase_trader.get("/orders/historical/fills", limit=2)
        second = coinbase_trader.get("/orders/historical/fills", limit=2, cursor=first["cursor"])

        assert [fill["order_id"] for fill in first["fills"] + second["fills"]] == orders[::-1]
        assert (second["cursor"], "has_next" in first) == ("", False)

    def test_accounts_page_by_page(self, coinbase: Paper) -> None:
        trader = open_coinbase(coinbase, {"USD": "1", "BTC": "2", "ETH": "3"})

        first = trader.get("/accounts", limit=2)
        second = trader.get("/accounts", limit=2, cursor=first["cursor"])

        wallets = first["accounts"] + second["accounts"]
        assert [wallet["currency"] for wallet in wallets] == ["USD", "BTC", "ETH"]
        assert (first["has_next"], first["size"], second["has_next"], second["size"]) == (True, 2, False, 1)
        assert trader.get(f"/accounts/{wallets[2]['uuid']}")["account"]["available_balance"]["value"] == "3"

    def test_read_lag(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/settings", read_lag_s=30)
        order_id = coinbase_trader.place(quote_size="10")

        eventually(lambda: coinbase_trader.books()["orders"][0]["status"] == "closed")
        assert coinbase_trader.call("GET", f"/orders/historical/{order_id}").status_code == 404
        assert coinbase_trader.get("/orders/historical/batch")["orders"] == []
        assert coinbase_trader.get("/orders/historical/fills")["fills"] == []
        assert coinbase_trader.wallets()["USD"] == ("100000", "0")
        coinbase.patch("/settings", read_lag_s=0)
        assert coinbase_trader.order(order_id)["status"] in FINAL


def test_fees_come_from_the_account_or_the_venue(coinbase: Paper) -> None:
    dear, usual = open_coinbase(coinbase, fee_rate="0.02"), open_coinbase(coinbase)

    assert dear.get("/transaction_summary")["fee_tier"]["taker_fee_rate"] == "0.02"
    assert usual.get("/transaction_summary")["fee_tier"]["taker_fee_rate"] == "0.0075"
    assert dear.trade(quote_size="102")["filled_value"] == "100"
