"""Every fault at Coinbase, before and after execution: what the client sees, and what the books say."""

from __future__ import annotations

import time
import uuid

import pytest
import requests

from tests.paper_exchange.client import Paper, eventually
from tests.paper_exchange.coinbase_client import CoinbaseTrader, open_coinbase

MOMENTS = pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])


def placed(trader: CoinbaseTrader) -> int:
    return len(trader.books()["orders"])


@MOMENTS
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520])
def test_a_gateway_answers(
    coinbase: Paper, coinbase_trader: CoinbaseTrader, status: int, when: str, orders: int
) -> None:
    coinbase.fault(f"http_{status}", method="create_order", when=when)

    answer = coinbase_trader.submit(quote_size="10")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert placed(coinbase_trader) == orders
    coinbase_trader.place(quote_size="10")


@MOMENTS
def test_the_connection_is_reset(coinbase: Paper, coinbase_trader: CoinbaseTrader, when: str, orders: int) -> None:
    coinbase.fault("reset", method="create_order", when=when)

    with pytest.raises(requests.ConnectionError):
        coinbase_trader.submit(quote_size="10")

    assert placed(coinbase_trader) == orders


@MOMENTS
def test_no_answer_comes(coinbase: Paper, coinbase_trader: CoinbaseTrader, when: str, orders: int) -> None:
    coinbase.fault("hang", method="create_order", account=coinbase_trader.name, when=when, seconds=0.5)
    body = {
        "client_order_id": "slow",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
    }

    with pytest.raises(requests.ReadTimeout):
        coinbase_trader.call("POST", "/orders", body, wait_s=0.2)

    assert placed(coinbase_trader) == orders


@MOMENTS
def test_a_web_page_comes_instead(coinbase: Paper, coinbase_trader: CoinbaseTrader, when: str, orders: int) -> None:
    coinbase.fault("html", method="create_order", when=when)

    answer = coinbase_trader.submit(quote_size="10")

    assert (answer.status_code, answer.text[:6]) == (200, "<html>")
    assert placed(coinbase_trader) == orders


@MOMENTS
def test_the_answer_is_cut_short(coinbase: Paper, coinbase_trader: CoinbaseTrader, when: str, orders: int) -> None:
    coinbase.fault("truncated", method="create_order", when=when)

    answer = coinbase_trader.submit(quote_size="10")

    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert placed(coinbase_trader) == orders


@MOMENTS
def test_what_is_inside_is_null(coinbase: Paper, coinbase_trader: CoinbaseTrader, when: str, orders: int) -> None:
    coinbase.fault("empty_result", method="create_order", when=when)

    answer = coinbase_trader.submit(quote_size="10").json()

    assert answer == {"success": True, "success_response": None, "order_configuration": None}
    assert placed(coinbase_trader) == orders


@pytest.mark.parametrize(
    ("method", "path", "empty"),
    [
        ("get_order", "/orders/historical/{}", {"order": None}),
        (
            "list_orders",
            "/orders/historical/batch",
            {"orders": None, "sequence": "0", "has_next": False, "cursor": ""},
        ),
        ("get_fills", "/orders/historical/fills", {"fills": None, "cursor": ""}),
        ("get_accounts", "/accounts", {"accounts": None, "has_next": False, "cursor": "", "size": 0}),
        ("get_product", "/products/BTC-USD", {}),
    ],
)
def test_null_in_other_answers(
    coinbase: Paper, coinbase_trader: CoinbaseTrader, method: str, path: str, empty: dict[str, object]
) -> None:
    order_id = coinbase_trader.place(quote_size="10")
    coinbase.fault("empty_result", method=method)
    assert coinbase_trader.get(path.format(order_id)) == empty


class TestErrors:
    @MOMENTS
    def test_an_order_is_refused_for_any_reason(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, when: str, orders: int
    ) -> None:
        coinbase.fault("error", method="create_order", when=when, text="COMMANDER_REJECTED_NEW_ORDER")

        assert coinbase_trader.refused(quote_size="10")[0] == "COMMANDER_REJECTED_NEW_ORDER"
        assert placed(coinbase_trader) == orders
        noted = coinbase.get(f"/requests?account={coinbase_trader.name}")
        assert noted["refused"] == {"COMMANDER_REJECTED_NEW_ORDER": 1}

    @pytest.mark.parametrize(
        ("text", "status", "body"),
        [
            ("401", 401, "Unauthorized\n"),
            (
                "400 INVALID_ARGUMENT account is not available",
                400,
                '{"error":"INVALID_ARGUMENT","error_details":"account is not available",'
                '"message":"account is not available"}',
            ),
            ("429", 429, '{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}'),
            ("500", 500, '{"error":"INTERNAL","error_details":"","message":""}'),
        ],
    )
    def test_any_http_error(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, text: str, status: int, body: str
    ) -> None:
        coinbase.fault("error", method="create_order", text=text)

        answer = coinbase_trader.submit(quote_size="10")

        assert (answer.status_code, answer.text) == (status, body)
        assert placed(coinbase_trader) == 0

    def test_the_permission_is_gone(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.fault("permission_revoked")
        answer = coinbase_trader.call("GET", "/accounts")
        assert (answer.status_code, answer.json()["error"]) == (403, "PERMISSION_DENIED")
        assert coinbase_trader.call("GET", "/accounts").status_code == 200

    def test_a_bad_token_stays_a_bad_token(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.fault("error", method="get_accounts", text="500")
        token = coinbase_trader.token("GET", "/accounts", iss="somebody")
        assert coinbase_trader.call("GET", "/accounts", token=token).status_code == 401


class TestLanding:
    @pytest.mark.parametrize(
        ("text", "status"),
        [(None, 502), ("http_504", 504), ("500 INTERNAL", 500), ("reset", None), ("COMMANDER_REJECTED_NEW_ORDER", 200)],
    )
    def test_the_order_lands_after_the_answer(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, text: str | None, status: int | None
    ) -> None:
        coinbase.fault("delayed_landing", method="create_order", seconds=1.5, text=text)

        if status is None:
            with pytest.raises(requests.ConnectionError):
                coinbase_trader.submit(quote_size="10")
        else:
            assert coinbase_trader.submit(quote_size="10").status_code == status

        assert placed(coinbase_trader) == 0
        eventually(lambda: placed(coinbase_trader) == 1)

    def test_the_same_id_sent_again_before_it_lands_makes_one_order(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader
    ) -> None:
        name = str(uuid.uuid4())
        coinbase.fault("delayed_landing", method="create_order", seconds=1.5)
        coinbase_trader.submit(quote_size="10", client_order_id=name)

        order_id = coinbase_trader.place(quote_size="10", client_order_id=name)
        time.sleep(1.7)

        assert [order["order_id"] for order in coinbase_trader.books()["orders"]] == [order_id]

    def test_who_may_not_trade_lands_nothing(self, coinbase: Paper) -> None:
        trader = open_coinbase(coinbase, can_trade=False)
        coinbase.fault("delayed_landing", method="create_order", seconds=0.05)

        assert trader.submit(quote_size="10").status_code == 403


class TestFillsAndQueries:
    def test_a_part_fills_and_the_rest_is_canceled(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.fault("partial_fill", fraction="0.25")

        order = coinbase_trader.trade("SELL", base_size="0.4")

        assert (order["status"], order["filled_size"], order["completion_percentage"]) == ("CANCELLED", "0.1", "25")
        assert coinbase_trader.wallets()["BTC"] == ("0.9", "0")

    def test_a_part_of_a_buy_in_quote(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.fault("partial_fill", fraction="0.5")

        order = coinbase_trader.trade(quote_size="1007.5")

        assert (order["status"], order["filled_value"], order["total_fees"]) == ("CANCELLED", "500", "3.75")
        assert coinbase_trader.wallets()["USD"] == ("99496.25", "0")

    def test_queries_find_nothing(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        order_id = coinbase_trader.trade(quote_size="10")["order_id"]
        coinbase.fault("empty_query", times=3)

        assert coinbase_trader.get("/orders/historical/batch")["orders"] == []
        assert coinbase_trader.get("/orders/historical/fills") == {"fills": [], "cursor": ""}
        assert coinbase_trader.call("GET", f"/orders/historical/{order_id}").status_code == 404
        assert coinbase_trader.order(order_id)["status"] == "FILLED"

    def test_queries_see_the_past(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        order_id = coinbase_trader.trade(quote_size="10")["order_id"]
        coinbase.fault("stale_query", seconds=30, times=3)

        assert coinbase_trader.call("GET", f"/orders/historical/{order_id}").status_code == 404
        assert coinbase_trader.get("/orders/historical/batch")["orders"] == []
        assert coinbase_trader.wallets()["USD"] == ("100000", "0")
        assert coinbase_trader.wallets()["USD"] == ("99990", "0")


class TestWhomItStrikes:
    def test_only_the_venue_that_is_named(
        self, coinbase: Paper, trader: object, coinbase_trader: CoinbaseTrader
    ) -> None:
        coinbase.fault("http_502", venue="kraken", times=None)
        assert coinbase_trader.call("GET", "/accounts").status_code == 200
        coinbase.fault("http_503", venue="coinbase", times=None)
        assert coinbase_trader.call("GET", "/accounts").status_code == 503

    @pytest.mark.parametrize("whom", ["venue", "account"])
    def test_there_are_no_nonces(self, coinbase: Paper, coinbase_trader: CoinbaseTrader, whom: str) -> None:
        body = {"kind": "invalid_nonce", whom: "coinbase" if whom == "venue" else coinbase_trader.name}
        assert coinbase.refused("POST", "/faults", body) == (400, "invalid_nonce does not happen at coinbase")

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"venue": "coinbase", "method": "AddOrder"}, 400),
            ({"venue": "kraken", "method": "create_order"}, 400),
            ({"venue": "mtgox"}, 404),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused(self, coinbase: Paper, body: dict[str, str], status: int) -> None:
        assert coinbase.refused("POST", "/faults", {"kind": "reset"} | body)[0] == status
