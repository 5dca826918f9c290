"""Finding orders and fills at Alpaca: by client order id, in lists, page by page, and late."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader, recorded
from tests.paper_exchange.client import eventually

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]


def moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")


class TestClientOrderIds:
    def test_the_order_is_found_by_it(self, alpaca_trader: AlpacaTrader) -> None:
        placed = alpaca_trader.trade(qty="0.1", client_order_id="signal 1/a&b")

        found = alpaca_trader.get("/v2/orders:by_client_order_id", client_order_id="signal 1/a&b")

        assert found == placed

    @pytest.mark.parametrize("ended", ["filled", "canceled", "open"])
    def test_it_is_unique_for_good(self, alpaca_trader: AlpacaTrader, ended: str) -> None:
        limit = {} if ended == "filled" else {"type": "limit", "limit_price": "40000"}
        placed = alpaca_trader.place(qty="0.1", client_order_id="once", **limit)
        if ended == "canceled":
            alpaca_trader.call("DELETE", f"/v2/orders/{placed['id']}")
        if ended == "filled":
            alpaca_trader.settled(placed)

        again = alpaca_trader.submit("sell", qty="0.2", client_order_id="once")

        sample = recorded("errors")["duplicate_client_order_id"]
        assert (again.status_code, again.json()) == (sample["status"], sample["body"])
        assert len(alpaca_trader.books()["orders"]) == 1

    def test_it_comes_before_funds_and_minimums(self, alpaca_trader: AlpacaTrader) -> None:
        alpaca_trader.trade(notional="99999", client_order_id="once")

        for size in ({"notional": "99999"}, {"notional": "1"}):
            assert alpaca_trader.submit(**size, client_order_id="once").status_code == 422

    def test_an_id_of_a_refused_order_is_still_free(self, alpaca_trader: AlpacaTrader) -> None:
        assert alpaca_trader.submit(notional="1", client_order_id="once").status_code == 403
        assert alpaca_trader.submit(notional="10", client_order_id="once").status_code == 200

    def test_without_one_the_venue_makes_one(self, alpaca_trader: AlpacaTrader) -> None:
        first, second = (alpaca_trader.place(qty="0.1")["client_order_id"] for _ in range(2))

        assert first != second
        assert alpaca_trader.get("/v2/orders:by_client_order_id", client_order_id=first)["client_order_id"] == first


class TestLists:
    @pytest.fixture
    def orders(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> dict[str, str]:
        """Three that ended and two that are open, oldest first, by name."""
        ids = {}
        for name, more in {
            "buy": {"qty": "0.1"},
            "sell": {"qty": "0.1", "side": "sell"},
            "ether": {"qty": "0.1", "symbol": "ETH/USD"},
        }.items():
            ids[name] = alpaca_trader.trade(**more)["id"]
        for name, price in {"low": "40000", "lower": "30000"}.items():
            ids[name] = alpaca_trader.place(type="limit", qty="0.1", limit_price=price)["id"]
        return ids

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, ["lower", "low"]),
            ({"status": "open"}, ["lower", "low"]),
            ({"status": "closed"}, ["ether", "sell", "buy"]),
            ({"status": "all"}, ["lower", "low", "ether", "sell", "buy"]),
            ({"status": "all", "direction": "asc", "nested": "true"}, ["buy", "sell", "ether", "low", "lower"]),
            ({"status": "all", "limit": "2"}, ["lower", "low"]),
            ({"status": "all", "limit": "2", "direction": "asc"}, ["buy", "sell"]),
            ({"status": "all", "symbols": "ETH/USD"}, ["ether"]),
            ({"status": "all", "symbols": "ETHUSD,SOL/USD"}, ["ether"]),
            ({"status": "all", "symbols": "XYZ/USD"}, []),
            ({"status": "all", "side": "sell"}, ["sell"]),
        ],
        ids=lambda value: "&".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else "",
    )
    def test_orders(
        self, alpaca_trader: AlpacaTrader, orders: dict[str, str], query: dict[str, str], names: list[str]
    ) -> None:
        by_id = {order_id: name for name, order_id in orders.items()}

        assert [by_id[order["id"]] for order in alpaca_trader.get("/v2/orders", **query)] == names

    def test_orders_between_two_moments(self, alpaca_trader: AlpacaTrader, orders: dict[str, str]) -> None:
        middle = alpaca_trader.order(orders["ether"])["submitted_at"]

        def ids(**query: str) -> set[str]:
            return {order["id"] for order in alpaca_trader.get("/v2/orders", status="all", **query)}

        assert ids(until=middle) | ids(after=middle) <= set(orders.values())
        assert {orders["buy"], orders["sell"]} <= ids(until=middle)
        assert ids(until=middle).isdisjoint({orders["low"], orders["lower"]})
        assert {orders["low"], orders["lower"]} <= ids(after=middle)
        assert ids(after=moment(time.time() + 60)) == set()
        assert ids(until="2020-01-01") == set()

    def test_fifty_unless_more_are_asked_for(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        for _ in range(52):
            alpaca_trader.place(notional="10")

        assert len(alpaca_trader.get("/v2/orders", status="all")) == 50
        assert len(alpaca_trader.get("/v2/orders", status="all", limit="500")) == 52

    def test_all_can_be_paged_by_time(self, alpaca_trader: AlpacaTrader) -> None:
        placed = [alpaca_trader.place(notional="10")["id"] for _ in range(7)]

        found: list[str] = []
        after = "2020-01-01T00:00:00Z"
        for _ in range(4):
            page = alpaca_trader.get("/v2/orders", status="all", direction="asc", limit="3", after=after)
            found.extend(order["id"] for order in page)
            after = page[-1]["submitted_at"] if page else after

        assert found == placed

    def test_fills_are_paged_by_token(self, alpaca_trader: AlpacaTrader) -> None:
        orders = [alpaca_trader.trade(notional="10")["id"] for _ in range(5)]

        first = alpaca_trader.get("/v2/account/activities/FILL", page_size="2")
        second = alpaca_trader.get("/v2/account/activities/FILL", page_size="2", page_token=first[-1]["id"])
        third = alpaca_trader.get("/v2/account/activities", page_token=second[-1]["id"], activity_types="FILL")

        assert [fill["order_id"] for fill in first + second + third] == orders[::-1]
        assert alpaca_trader.get("/v2/account/activities/FILL", page_token=third[-1]["id"]) == []
        assert alpaca_trader.call("GET", "/v2/account/activities/FILL", page_token="x").status_code == 400

    def test_fills_between_two_moments(self, alpaca_trader: AlpacaTrader) -> None:
        first, second = (alpaca_trader.trade(notional="10")["id"] for _ in range(2))
        fills = alpaca_trader.get("/v2/account/activities/FILL", direction="asc")
        assert [fill["order_id"] for fill in fills] == [first, second]

        after = alpaca_trader.get("/v2/account/activities/FILL", after=fills[0]["transaction_time"])
        until = alpaca_trader.get("/v2/account/activities/FILL", until=fills[1]["transaction_time"])

        assert [fill["order_id"] for fill in after] == [second]
        assert [fill["order_id"] for fill in until] == [first]
        assert alpaca_trader.get("/v2/account/activities", activity_types="DIV") == []


class TestReadLag:
    def test_queries_trail_and_books_do_not(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.settings(read_lag_s=1, fill_delay_s=0)

        placed = alpaca_trader.place("sell", qty="0.4", client_order_id="late")

        query = {"client_order_id": "late"}
        assert alpaca_trader.call("GET", "/v2/orders:by_client_order_id", **query).status_code == 404
        assert alpaca_trader.get("/v2/orders", status="all") == []
        assert alpaca_trader.position()["qty"] == "1"
        assert alpaca_trader.get("/v2/account")["cash"] == "100000"
        assert len(alpaca_trader.books()["trades"]) == 1
        assert eventually(lambda: alpaca_trader.call("GET", f"/v2/orders/{placed['id']}").status_code == 200)
        assert eventually(lambda: alpaca_trader.position()["qty"] == "0.6")
