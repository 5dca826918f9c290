"""Every fault at Alpaca, before and after execution: what the client sees, and what the books say."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader
from tests.paper_exchange.client import eventually

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

MOMENTS = pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])


def placed(trader: AlpacaTrader) -> int:
    return len(trader.books()["orders"])


def row(trader: AlpacaTrader) -> dict[str, Any]:
    path = f"/requests?method=submit_order&account={trader.name}"
    (found,) = trader.alpaca.get(path)["requests"]
    return found


@MOMENTS
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520])
def test_a_gateway_answers(
    alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, status: int, when: str, orders: int
) -> None:
    alpaca.fault(f"http_{status}", method="submit_order", when=when)

    answer = alpaca_trader.submit(qty="0.1", client_order_id="once")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert placed(alpaca_trader) == orders
    again = alpaca_trader.submit(qty="0.1", client_order_id="once")
    assert again.status_code == (422 if orders else 200)
    assert placed(alpaca_trader) == 1


@MOMENTS
def test_the_connection_is_reset(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str, orders: int) -> None:
    alpaca.fault("reset", method="submit_order", when=when)

    with pytest.raises(requests.ConnectionError) as caught:
        alpaca_trader.submit(qty="0.1")

    assert "reset by peer" in str(caught.value).lower()
    assert placed(alpaca_trader) == orders


@MOMENTS
def test_no_answer_comes(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str, orders: int) -> None:
    alpaca.fault("hang", method="submit_order", when=when, seconds=0.6)
    order = {"symbol": "BTC/USD", "qty": "0.1", "side": "buy", "type": "market", "time_in_force": "gtc"}

    with pytest.raises(requests.ReadTimeout):
        alpaca_trader.call("POST", "/v2/orders", order, wait_s=0.2)

    eventually(lambda: placed(alpaca_trader) == orders)
    # who hung up before execution is not executed when the hang is over either
    time.sleep(0.6)
    assert (row(alpaca_trader)["order_id"] is not None) == (orders == 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_waits_for_a_hang_to_end_is_answered(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str) -> None:
    alpaca.fault("hang", method="submit_order", when=when, seconds=0.3)
    started = time.monotonic()

    assert alpaca_trader.place(qty="0.1")["status"] == "pending_new"
    assert time.monotonic() - started >= 0.3


@MOMENTS
def test_a_web_page_comes_instead(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str, orders: int) -> None:
    alpaca.fault("html", method="submit_order", when=when)

    answer = alpaca_trader.submit(qty="0.1")

    assert (answer.status_code, answer.text[:6]) == (200, "<html>")
    assert placed(alpaca_trader) == orders


@MOMENTS
def test_the_answer_is_cut_short(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str, orders: int) -> None:
    alpaca.fault("truncated", method="submit_order", when=when)

    answer = alpaca_trader.submit(qty="0.1")

    assert (answer.status_code, answer.text[:7]) == (200, '{"id":"')
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert placed(alpaca_trader) == orders


@MOMENTS
def test_the_result_is_empty(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str, orders: int) -> None:
    alpaca.fault("empty_result", method="submit_order", when=when)

    answer = alpaca_trader.submit(qty="0.1")

    assert (answer.status_code, answer.content) == (200, b"")
    assert placed(alpaca_trader) == orders


def test_an_empty_list(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.fault("empty_result", method="get_all_positions")

    assert alpaca_trader.get("/v2/positions") == []
    assert len(alpaca_trader.get("/v2/positions")) == 1


@MOMENTS
@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        (
            "422 40010001 client_order_id must be unique",
            422,
            {"code": 40010001, "message": "client_order_id must be unique"},
        ),
        ("429 42910000 rate limit exceeded", 429, {"code": 42910000, "message": "rate limit exceeded"}),
        ("403 forbidden.", 403, {"message": "forbidden."}),
        ("503", 503, {"message": ""}),
        ("something odd", 500, {"code": 50010000, "message": "something odd"}),
        (None, 500, {"code": 50010000, "message": "internal server error occurred"}),
    ],
    ids=["duplicate", "rate", "without code", "status alone", "text alone", "nothing said"],
)
def test_any_error(
    alpaca: AlpacaHouse,
    alpaca_trader: AlpacaTrader,
    text: str | None,
    status: int,
    body: dict[str, Any],
    when: str,
    orders: int,
) -> None:
    alpaca.fault("error", method="submit_order", when=when, text=text)

    answer = alpaca_trader.submit(qty="0.1")

    assert (answer.status_code, answer.json()) == (status, body)
    assert placed(alpaca_trader) == orders


@MOMENTS
def test_a_permission_is_gone(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, when: str, orders: int) -> None:
    alpaca.fault("permission_revoked", method="submit_order", when=when)

    answer = alpaca_trader.submit(qty="0.1")

    assert (answer.status_code, answer.json()) == (403, {"message": "forbidden."})
    assert placed(alpaca_trader) == orders


def test_a_wrong_key_is_told_so_first(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.fault("permission_revoked", method="submit_order")
    alpaca_trader.session.headers["APCA-API-SECRET-KEY"] = "wrong"

    assert alpaca_trader.submit(qty="0.1").status_code == 401


class TestDelayedLanding:
    def test_the_order_appears_later(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.fault("delayed_landing", method="submit_order", seconds=1.5)

        answer = alpaca_trader.submit(qty="0.1", client_order_id="late")

        path = "/v2/orders:by_client_order_id"
        assert answer.status_code == 502
        assert alpaca_trader.call("GET", path, client_order_id="late").status_code == 404
        eventually(lambda: alpaca_trader.call("GET", path, client_order_id="late").status_code == 200)
        assert row(alpaca_trader)["order_id"] == alpaca_trader.get(path, client_order_id="late")["id"]
        assert placed(alpaca_trader) == 1

    def test_sent_again_meanwhile_it_lands_once(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.fault("delayed_landing", method="submit_order", seconds=1.5)
        alpaca_trader.submit(qty="0.1", client_order_id="late")

        again = alpaca_trader.submit(qty="0.1", client_order_id="late")

        assert again.status_code == 200
        time.sleep(1.7)
        assert placed(alpaca_trader) == 1

    @pytest.mark.parametrize(
        ("text", "status"), [("http_504", 504), ("500 50010000 internal server error occurred", 500)]
    )
    def test_the_answer_can_be_another(
        self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, text: str, status: int
    ) -> None:
        alpaca.fault("delayed_landing", method="submit_order", seconds=0.05, text=text)

        assert alpaca_trader.submit(qty="0.1").status_code == status
        eventually(lambda: placed(alpaca_trader) == 1)

    def test_the_connection_is_dropped_meanwhile(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.fault("delayed_landing", method="submit_order", seconds=1.5, text="reset")

        with pytest.raises(requests.ConnectionError):
            alpaca_trader.submit(qty="0.1")

        assert placed(alpaca_trader) == 0
        eventually(lambda: placed(alpaca_trader) == 1)

    def test_a_wrong_key_does_not_land(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.fault("delayed_landing", method="submit_order", seconds=0.05)
        alpaca_trader.session.headers["APCA-API-SECRET-KEY"] = "wrong"

        assert alpaca_trader.submit(qty="0.1").status_code == 401
        time.sleep(0.2)
        assert placed(alpaca_trader) == 0


@pytest.mark.parametrize("delay_s", [0, 0.02], ids=["at once", "later"])
@pytest.mark.parametrize(("fraction", "filled"), [("0.3", "0.03"), ("0", "0")], ids=["a part", "nothing"])
def test_the_rest_of_a_partial_fill_is_canceled(
    alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, delay_s: float, fraction: str, filled: str
) -> None:
    alpaca.settings(fill_delay_s=delay_s)
    alpaca.fault("partial_fill", method="submit_order", fraction=fraction)

    order = alpaca_trader.trade(qty="0.1")

    assert (order["status"], order["qty"], order["filled_qty"]) == ("canceled", "0.1", filled)


def test_queries_come_back_empty(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    order = alpaca_trader.trade(qty="0.1", client_order_id="mine")
    alpaca.fault("empty_query", times=4)

    by_name = alpaca_trader.call("GET", "/v2/orders:by_client_order_id", client_order_id="mine")
    by_id = alpaca_trader.call("GET", f"/v2/orders/{order['id']}")

    assert (by_name.status_code, by_name.json()) == (404, {"code": 40410000, "message": "order not found for mine"})
    assert by_id.json()["message"] == f"order not found for {order['id']}"
    assert alpaca_trader.get("/v2/orders", status="all") == []
    assert alpaca_trader.get("/v2/account/activities/FILL") == []
    assert alpaca_trader.order(order["id"]) == order


def test_one_query_trails_and_the_others_do_not(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    order = alpaca_trader.trade("sell", qty="0.1", client_order_id="mine")
    alpaca.fault("stale_query", method="get_orders", seconds=1, times=None)

    assert alpaca_trader.get("/v2/orders", status="all") == []
    assert alpaca_trader.order(order["id"]) == order
    assert alpaca_trader.position()["qty"] == "0.9"
    assert eventually(lambda: alpaca_trader.get("/v2/orders", status="all") == [order])


class TestWhomItStrikes:
    def test_one_account(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.fault("http_503", account=alpaca_trader.name, times=None)

        assert alpaca.open().call("GET", "/v2/account").status_code == 200
        assert [alpaca_trader.call("GET", "/v2/account").status_code for _ in range(3)] == [503] * 3

    def test_market_data_too(self, alpaca: AlpacaHouse) -> None:
        alpaca.fault("http_503", method="get_crypto_latest_quote")

        assert alpaca.data("latest/quotes", symbols="BTC/USD").status_code == 503

    def test_it_has_no_nonces(self, alpaca: AlpacaHouse) -> None:
        answer = alpaca.refused("POST", "/faults", {"kind": "invalid_nonce", "venue": "alpaca"})

        assert answer == (400, "invalid_nonce does not happen at alpaca")

    def test_what_cannot_be_is_refused(self, alpaca: AlpacaHouse) -> None:
        answer = alpaca.refused("POST", "/faults", {"kind": "reset", "venue": "alpaca", "method": "AddOrder"})

        assert answer == (400, "no method AddOrder")

    def test_the_journal_names_the_fault(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        number = alpaca.fault("http_504", method="submit_order", when="after")

        alpaca_trader.submit(qty="0.1")

        found = row(alpaca_trader)
        assert (found["fault"], found["venue"]) == (number, "alpaca")
        assert found["order_id"] == alpaca_trader.books()["orders"][0]["order_id"]

    def test_the_journal_notes_refusals(self, alpaca_trader: AlpacaTrader) -> None:
        alpaca_trader.submit(notional="1")

        assert row(alpaca_trader)["error"] == "cost basis must be >= minimal amount of order 10"
