"""Every fault, before and after execution: what the client sees, and what the books say."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
import requests

from tests.paper_exchange.client import Paper, Trader, eventually

MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}
MOMENTS = pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])


def placed(trader: Trader) -> int:
    return len(trader.books()["orders"])


@MOMENTS
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520])
def test_a_gateway_answers(paper: Paper, trader: Trader, status: int, when: str, orders: int) -> None:
    paper.fault(f"http_{status}", method="AddOrder", when=when)

    answer = trader.send(trader.prepare("AddOrder", MARKET))

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert placed(trader) == orders
    assert trader.call("AddOrder", **MARKET)["error"] == []


@MOMENTS
def test_the_connection_is_reset(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("reset", method="AddOrder", when=when)

    with pytest.raises(requests.ConnectionError) as caught:
        trader.send(trader.prepare("AddOrder", MARKET))

    assert "reset by peer" in str(caught.value).lower()
    assert placed(trader) == orders


@MOMENTS
def test_no_answer_comes(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("hang", method="AddOrder", when=when, seconds=0.6)

    with pytest.raises(requests.ReadTimeout):
        trader.call("AddOrder", **MARKET, wait_s=0.2)

    eventually(lambda: placed(trader) == orders)
    # who hung up before execution is not executed when the hang is over either
    time.sleep(0.6)
    (row,) = paper.get(f"/requests?method=AddOrder&account={trader.name}")["requests"]
    assert (row["order_id"] is not None) == (orders == 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_waits_for_a_hang_to_end_is_answered(paper: Paper, trader: Trader, when: str) -> None:
    paper.fault("hang", method="AddOrder", when=when, seconds=0.3)
    started = time.monotonic()

    assert trader.call("AddOrder", **MARKET)["error"] == []
    assert time.monotonic() - started >= 0.3


def test_one_accounts_hang_delays_nobody_else(paper: Paper, trader: Trader) -> None:
    paper.fault("hang", account=trader.name, seconds=20, times=None)
    with pytest.raises(requests.ReadTimeout):
        trader.call("Balance", wait_s=0.1)
    started = time.monotonic()

    assert paper.open().call("Balance")["error"] == []
    assert time.monotonic() - started < 15


@MOMENTS
def test_a_web_page_comes_instead(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("html", method="AddOrder", when=when)

    answer = trader.send(trader.prepare("AddOrder", MARKET))

    assert answer.status_code == 200
    assert answer.text.startswith("<html>")
    assert placed(trader) == orders


@MOMENTS
def test_the_answer_is_cut_short(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("truncated", method="AddOrder", when=when)

    answer = trader.send(trader.prepare("AddOrder", MARKET))

    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert placed(trader) == orders


@MOMENTS
def test_the_result_is_empty(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("empty_result", method="AddOrder", when=when)

    assert trader.result("AddOrder", **MARKET)["txid"] == []
    assert placed(trader) == orders


@MOMENTS
@pytest.mark.parametrize("text", ["EService:Timeout", "EOrder:Rate limit exceeded", "EService: Throttled: 1795233786"])
def test_any_error(paper: Paper, trader: Trader, text: str, when: str, orders: int) -> None:
    paper.fault("error", method="AddOrder", when=when, text=text)

    assert trader.error("AddOrder", **MARKET) == text
    assert placed(trader) == orders


def test_a_call_that_was_refused_cannot_be_replayed(paper: Paper, trader: Trader) -> None:
    paper.fault("error", method="AddOrder", text="EService:Busy")
    prepared = trader.prepare("AddOrder", MARKET)

    assert trader.send(prepared).json() == {"error": ["EService:Busy"]}
    assert trader.send(prepared).json() == {"error": ["EAPI:Invalid nonce"]}


def test_a_call_that_never_arrived_can_be_replayed_once(paper: Paper, trader: Trader) -> None:
    paper.fault("http_502", method="AddOrder")
    prepared = trader.prepare("AddOrder", MARKET)

    assert trader.send(prepared).status_code == 502
    assert trader.send(prepared).json()["error"] == []
    assert trader.send(prepared).json() == {"error": ["EAPI:Invalid nonce"]}
    assert placed(trader) == 1


@MOMENTS
def test_an_invalid_nonce(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("invalid_nonce", method="AddOrder", when=when)

    assert trader.error("AddOrder", **MARKET) == "EAPI:Invalid nonce"
    assert placed(trader) == orders


@MOMENTS
def test_a_permission_is_gone(paper: Paper, trader: Trader, when: str, orders: int) -> None:
    paper.fault("permission_revoked", method="AddOrder", when=when)

    assert trader.error("AddOrder", **MARKET) == "EGeneral:Permission denied"
    assert placed(trader) == orders


class TestDelayedLanding:
    def test_the_order_appears_later(self, paper: Paper, trader: Trader) -> None:
        paper.fault("delayed_landing", method="AddOrder", seconds=1.5)

        answer = trader.send(trader.prepare("AddOrder", {**MARKET, "cl_ord_id": "late"}))

        assert answer.status_code == 502
        assert trader.result("ClosedOrders", cl_ord_id="late")["closed"] == {}
        landed = eventually(lambda: trader.result("ClosedOrders", cl_ord_id="late")["closed"])
        (row,) = paper.get(f"/requests?method=AddOrder&account={trader.name}")["requests"]
        assert list(landed) == [row["order_id"]]
        assert placed(trader) == 1

    @pytest.mark.parametrize(("text", "status"), [("http_504", 504), ("EService:Timeout", 200)])
    def test_the_answer_can_be_another(self, paper: Paper, trader: Trader, text: str, status: int) -> None:
        paper.fault("delayed_landing", method="AddOrder", seconds=0.05, text=text)

        answer = trader.send(trader.prepare("AddOrder", MARKET))

        assert answer.status_code == status
        assert status != 200 or answer.json() == {"error": [text]}
        eventually(lambda: placed(trader) == 1)

    def test_the_connection_is_dropped_meanwhile(self, paper: Paper, trader: Trader) -> None:
        paper.fault("delayed_landing", method="AddOrder", seconds=1.5, text="reset")

        with pytest.raises(requests.ConnectionError):
            trader.send(trader.prepare("AddOrder", MARKET))

        assert placed(trader) == 0
        eventually(lambda: placed(trader) == 1)

    def test_past_its_deadline_it_does_not_land(self, paper: Paper, trader: Trader) -> None:
        paper.fault("delayed_landing", method="AddOrder", seconds=1.5)
        deadline = datetime.fromtimestamp(time.time() + 0.15, UTC).isoformat()

        trader.send(trader.prepare("AddOrder", {**MARKET, "deadline": deadline}))

        path = f"/requests?method=AddOrder&account={trader.name}"
        eventually(lambda: paper.get(path)["requests"][0]["error"] == "EService:Deadline elapsed")
        assert placed(trader) == 0


class TestPartialFill:
    def test_the_rest_is_canceled(self, paper: Paper, trader: Trader) -> None:
        paper.fault("partial_fill", method="AddOrder", fraction="0.3")

        order = trader.order(trader.market("buy", "0.01"))

        assert (order["status"], order["vol"], order["vol_exec"]) == ("canceled", "0.01000000", "0.00300000")

    def test_nothing_at_all(self, paper: Paper, trader: Trader) -> None:
        paper.fault("partial_fill", method="AddOrder", fraction="0")

        order = trader.order(trader.market("buy", "0.01"))

        assert (order["status"], order["vol_exec"], order["price"]) == ("canceled", "0.00000000", "0.00000")


def test_queries_come_back_empty(paper: Paper, trader: Trader) -> None:
    order_id = trader.market("buy", "0.01", cl_ord_id="mine")
    paper.fault("empty_query", times=3)

    assert trader.result("QueryOrders", txid=order_id) == {}
    assert trader.result("ClosedOrders", cl_ord_id="mine") == {"closed": {}, "count": 0}
    assert trader.result("OpenOrders") == {"open": {}}
    assert order_id in trader.result("QueryOrders", txid=order_id)


def test_one_query_trails_and_the_others_do_not(paper: Paper, trader: Trader) -> None:
    order_id = trader.market("buy", "0.01", cl_ord_id="mine")
    paper.fault("stale_query", method="ClosedOrders", seconds=1.5, times=None)

    assert trader.result("ClosedOrders", cl_ord_id="mine")["closed"] == {}
    assert order_id in trader.result("QueryOrders", txid=order_id)
    assert trader.result("Balance")["XXBT"] == "1.0100000000"
    assert order_id in eventually(lambda: trader.result("ClosedOrders", cl_ord_id="mine")["closed"])


class TestWhomItStrikes:
    def test_one_account(self, paper: Paper, trader: Trader) -> None:
        other = paper.open()
        paper.fault("error", account=trader.name, text="EService:Busy", times=None)

        assert other.call("Balance")["error"] == []
        assert [trader.error("Balance") for _ in range(3)] == ["EService:Busy"] * 3

    def test_one_method(self, paper: Paper, trader: Trader) -> None:
        paper.fault("error", method="Balance", text="EService:Busy")

        assert trader.call("OpenOrders")["error"] == []
        assert trader.error("Balance") == "EService:Busy"

    def test_public_calls_too(self, paper: Paper) -> None:
        paper.fault("error", method="Ticker", text="EService:Busy")

        assert paper.public("Ticker", pair="XBTUSD") == {"error": ["EService:Busy"]}

    def test_so_often_and_no_more(self, paper: Paper, trader: Trader) -> None:
        number = paper.fault("error", method="Balance", text="EService:Busy", times=2)

        assert [trader.call("Balance")["error"] for _ in range(3)] == [["EService:Busy"], ["EService:Busy"], []]
        assert [(fault["id"], fault["struck"]) for fault in paper.get("/faults")] == [(number, 2)]

    def test_only_now_and_then(self, paper: Paper, trader: Trader) -> None:
        paper.fault("error", method="Balance", text="EService:Busy", times=None, probability=0.5)

        refused = sum(trader.call("Balance")["error"] != [] for _ in range(200))

        assert 50 < refused < 150

    def test_only_the_third(self, paper: Paper, trader: Trader) -> None:
        number = paper.fault("error", method="Balance", text="EService:Busy", skip=2)

        assert [bool(trader.call("Balance")["error"]) for _ in range(4)] == [False, False, True, False]
        assert [(fault["id"], fault["struck"]) for fault in paper.get("/faults")] == [(number, 1)]

    def test_accounts_of_a_pattern_each_on_its_own(self, paper: Paper) -> None:
        anna, bert, other = (paper.open(name=name) for name in ("each.anna", "each.bert", "other.carl"))
        paper.fault("error", account="each.*", text="EService:Busy", each_account=True, skip=1)

        struck = {one.name: [bool(one.call("Balance")["error"]) for _ in range(3)] for one in (anna, bert, other)}

        assert struck == {
            "each.anna": [False, True, False],
            "each.bert": [False, True, False],
            "other.carl": [False, False, False],
        }

    def test_for_a_while(self, paper: Paper, trader: Trader) -> None:
        before = time.time()
        paper.fault("error", method="Balance", text="EService: Throttled: {until}", times=None, for_s=0.3)

        text = trader.error("Balance")

        assert before < int(text.removeprefix("EService: Throttled: ")) < before + 2
        assert eventually(lambda: trader.call("Balance")["error"] == [])

    def test_it_can_be_taken_away(self, paper: Paper, trader: Trader) -> None:
        number = paper.fault("error", text="EService:Busy", times=None)
        paper.fault("error", text="EService:Busy", times=None)

        assert paper.delete(f"/faults/{number}") == {"cleared": 1}
        assert paper.delete("/faults") == {"cleared": 1}
        assert trader.call("Balance")["error"] == []

    def test_what_cannot_be_is_refused(self, paper: Paper) -> None:
        assert paper.refused("POST", "/faults", {"kind": "earthquake"})[0] == 400
        assert paper.refused("POST", "/faults", {"kind": "reset", "method": "AddOrdr"}) == (400, "no method AddOrdr")
        assert paper.refused("DELETE", "/faults/999999")[0] == 404


def test_the_journal_names_the_fault(paper: Paper, trader: Trader) -> None:
    number = paper.fault("http_504", method="AddOrder", when="after")

    trader.send(trader.prepare("AddOrder", MARKET))

    (row,) = paper.get(f"/requests?method=AddOrder&account={trader.name}")["requests"]
    assert row["fault"] == number
    assert row["order_id"] == trader.books()["orders"][0]["order_id"]
