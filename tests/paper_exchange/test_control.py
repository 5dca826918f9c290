"""The control API: accounts, books, the journal of requests, settings, market."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.paper_exchange.client import Paper, Trader, running

DEFAULT_PERMISSIONS = {
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "create-ws-token",
}


def test_health(paper: Paper) -> None:
    health = paper.get("/health")

    assert health["ok"] is True
    assert health["venues"][:2] == ["kraken", "coinbase"]
    assert health["time"] == pytest.approx(time.time(), abs=2)


class TestAccounts:
    def test_one_or_a_list(self, paper: Paper) -> None:
        one = paper.post("/accounts", {"name": "single", "venue": "kraken"})
        two = paper.post("/accounts", [{"name": "first"}, {"name": "second", "balances": {"DOGE": "1"}}])

        assert [account["name"] for account in one + two] == ["single", "first", "second"]
        for account in one + two:
            assert set(account) == {"name", "venue", "api_key", "api_secret"}
            assert len(account["api_key"]) == 56
            assert len(base64.b64decode(account["api_secret"])) == 64

    def test_keys_come_from_seed_and_name(self) -> None:
        def keys(seed: str) -> object:
            with running("--seed", seed) as paper:
                return paper.post("/accounts", {"name": "master"})

        assert keys("1") == keys("1") != keys("2")

    def test_given_keys_are_kept(self, paper: Paper) -> None:
        secret = base64.b64encode(b"x" * 64).decode()
        trader = paper.open(api_key="my-key", api_secret=secret)

        assert (trader.key, trader.secret) == ("my-key", secret)
        assert trader.call("Balance")["error"] == []

    def test_what_is_seen_of_one(self, paper: Paper, trader: Trader) -> None:
        trader.limit("buy", "0.1", "40000")

        seen = paper.account(trader)

        assert seen in paper.get("/accounts")
        assert seen["balances"] == {"USD": "100000", "BTC": "1"}
        assert seen["holds"] == {"USD": "4010.40000"}
        assert set(seen["permissions"]) == DEFAULT_PERMISSIONS
        assert seen["nonce"] == trader.last_nonce
        assert isinstance(seen["counter"], float)

    def test_balances_are_set(self, paper: Paper, trader: Trader) -> None:
        paper.patch(f"/accounts/{trader.name}", balances={"USD": "5", "SOL": "2.5"})

        assert trader.result("Balance") == {"ZUSD": "5.0000", "XXBT": "1.0000000000", "SOL": "2.5000000000"}

    def test_a_fee_is_set_and_taken_back(self, paper: Paper, trader: Trader) -> None:
        assert paper.patch(f"/accounts/{trader.name}", fee_rate="0.01")["fee_rate"] == "0.01"
        assert paper.patch(f"/accounts/{trader.name}", fee_rate=None)["fee_rate"] == "0.0026"

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"name": "x", "balance": {}}, 400),
            ({"name": "x", "balances": {"XXBT": "1"}}, 400),
            ({"name": "x", "balances": {"USD": "-1"}}, 400),
            ({"name": "x", "balances": {"USD": "NaN"}}, 400),
            ({"name": "x", "permissions": ["everything"]}, 400),
            ({"name": "x", "tier": "Gold"}, 400),
            ({"name": "x", "api_secret": "not base64!"}, 400),
            ([{"name": "x"}, {"name": "x"}], 409),
        ],
    )
    def test_what_cannot_be_opened_says_why_and_opens_nothing(self, paper: Paper, body: object, status: int) -> None:
        answered, text = paper.refused("POST", "/accounts", body)

        assert answered == status
        assert text
        assert paper.refused("GET", "/accounts/x")[0] == 404

    def test_a_name_is_taken_once(self, paper: Paper, trader: Trader) -> None:
        status, text = paper.refused("POST", "/accounts", {"name": trader.name})
        assert (status, text) == (409, f"account {trader.name} exists already")


class TestBooks:
    def test_orders_and_trades_in_full(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.market("buy", "0.1", cl_ord_id="mine")

        books = trader.books()

        (order,), (trade,) = books["orders"], books["trades"]
        assert order == {
            "account": trader.name,
            "venue": "kraken",
            "order_id": order_id,
            "client_order_id": "mine",
            "symbol": "BTC-USD",
            "side": "buy",
            "type": "market",
            "volume": "0.1",
            "volume_in_quote": False,
            "executed": "0.1",
            "cost": "5000.50000",
            "fee": "13.00130",
            "fee_asset": "USD",
            "price": order["price"],
            "status": "closed",
            "opened_at": order["opened_at"],
            "closed_at": order["closed_at"],
        }
        assert Decimal(order["price"]) == 50005
        assert order["opened_at"] <= order["closed_at"] <= time.time()
        assert set(trade) == {
            "account", "venue", "trade_id", "order_id", "symbol", "side", "price", "volume", "cost", "fee", "fee_asset",
            "time",
        }  # fmt: skip
        assert (trade["order_id"], trade["fee"]) == (order_id, "13.00130")

    def test_since(self, paper: Paper, trader: Trader) -> None:
        trader.market("buy", "0.1")
        since = paper.get("/health")["time"]
        later = trader.market("buy", "0.1")

        books = paper.get(f"/books?account={trader.name}&since={since}")

        assert [order["order_id"] for order in books["orders"]] == [later]
        assert [trade["order_id"] for trade in books["trades"]] == [later]

    def test_all_accounts(self, paper: Paper, trader: Trader) -> None:
        other = paper.open()
        mine, theirs = trader.market("buy", "0.1"), other.market("buy", "0.1")

        assert {mine, theirs} <= {order["order_id"] for order in paper.get("/books")["orders"]}
        assert paper.refused("GET", "/books?account=nobody")[0] == 404


class TestRequests:
    def test_what_is_noted(self, paper: Paper, trader: Trader) -> None:
        before = time.monotonic_ns()
        order_id = trader.market("buy", "0.1")
        after = time.monotonic_ns()

        noted = paper.get(f"/requests?method=AddOrder&account={trader.name}")

        (row,) = noted["requests"]
        assert (noted["count"], noted["refused"]) == (1, {})
        assert set(row) == {
            "account", "venue", "method", "arrived_ns", "answered_ns", "error", "order_id", "fault",
        }  # fmt: skip
        assert (row["error"], row["order_id"], row["fault"]) == (None, order_id, None)
        assert before < row["arrived_ns"] < row["answered_ns"] < after

    def test_refusals_are_counted_by_their_text(self, paper: Paper, trader: Trader) -> None:
        trader.result("Balance")
        for _ in range(2):
            trader.error("Balance", nonce="1")

        noted = paper.get(f"/requests?account={trader.name}")

        assert (noted["count"], noted["refused"]) == (3, {"EAPI:Invalid nonce": 2})

    def test_arrival_is_before_the_latency_and_the_answer_after_it(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/settings", latency_ms=100)
        trader.market("buy", "0.1")

        (row,) = paper.get(f"/requests?method=AddOrder&account={trader.name}")["requests"]

        # the event loop counts in milliseconds
        assert 99e6 <= row["answered_ns"] - row["arrived_ns"] < 300e6

    def test_it_is_cleared(self, paper: Paper, trader: Trader) -> None:
        trader.result("Balance")

        assert paper.delete("/requests")["cleared"] >= 1
        assert paper.get("/requests") == {"requests": [], "refused": {}, "count": 0}


class TestSettings:
    def test_all_of_them(self, paper: Paper) -> None:
        assert paper.get("/settings") == {
            "latency_ms": 0.0,
            "read_lag_s": 0.0,
            "fee_rate": "0.0026",
            "fill_delay_s": 0.0,
            "partial_fill_probability": 0.0,
            "rate_limits": False,
            "public_rate_per_s": None,
            "price_interval_s": 1.0,
            "system_status": "online",
            "deadline_enforced": True,
            "duplicate_client_order_id": "echo",
            "clock_offset_s": 0.0,
        }

    def test_the_fee_of_everybody(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/settings", fee_rate="0.01")
        assert trader.order(trader.market("buy", "0.1"))["fee"] == "50.00500"

    def test_calls_wait_side_by_side(self, paper: Paper) -> None:
        traders = [paper.open() for _ in range(10)]
        paper.patch("/settings", latency_ms=1000)
        started = time.monotonic()

        with ThreadPoolExecutor(len(traders)) as threads:
            list(threads.map(lambda trader: trader.market("buy", "0.001"), traders))

        assert 1 <= time.monotonic() - started < 8

    @pytest.mark.parametrize(
        "body", [{"latency": 5}, {"latency_ms": -1}, {"latency_ms": None}, {"system_status": "asleep"}]
    )
    def test_what_cannot_be_set(self, paper: Paper, body: dict[str, object]) -> None:
        assert paper.refused("PATCH", "/settings", body)[0] == 400


class TestMarket:
    def test_what_is_seen(self, paper: Paper) -> None:
        seen = paper.get("/market")["BTC-USD"]

        assert (seen["bid"], seen["ask"], seen["last"]) == ("49995.0", "50005.0", "50000.0")
        assert (seen["status"], seen["minimum_size"]) == ("online", "0.00005")

    def test_a_price_moves_the_ticker_and_no_other_symbol(self, paper: Paper) -> None:
        before = paper.get("/market")
        paper.patch("/market/BTC-USD", price="60000")

        after = paper.get("/market")
        assert paper.public("Ticker", pair="XBTUSD")["result"]["XXBTZUSD"]["a"][0] == "60005.00000"
        assert {symbol for symbol in after if after[symbol] != before[symbol]} == {"BTC-USD"}

    def test_the_spread_can_be_nothing(self, paper: Paper) -> None:
        seen = paper.patch("/market/BTC-USD", spread="0")
        assert seen["bid"] == seen["ask"] == "50000.0"

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/market/XBTUSD", {"price": "1"}, 404),
            ("/market/BTC-USD", {"price": "0"}, 400),
            ("/market/BTC-USD", {"prise": "1"}, 400),
            ("/market/BTC-USD", {"status": None}, 400),
        ],
    )
    def test_what_cannot_be_set(self, paper: Paper, path: str, body: dict[str, object], status: int) -> None:
        assert paper.refused("PATCH", path, body)[0] == status
