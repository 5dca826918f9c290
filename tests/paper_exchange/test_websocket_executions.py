"""The channel `executions`: every order of the account, whoever placed it, event by event."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.paper_exchange.client import Paper, Trader, eventually
from tests.paper_exchange.websocket_client import Message, listening, recorded, shape, token

LIFE_OF_A_MARKET_ORDER = ["pending_new", "new", "trade", "filled"]
NAMES = {"timestamp", "order_status", "exec_type", "order_userref", "order_id"}
TOTALS = {"cum_qty", "cum_cost", "fee_usd_equiv", "avg_price"}


def events(reports: list[Message]) -> list[str]:
    return [report["exec_type"] for report in reports]


def merged(reports: list[Message]) -> Message:
    """What a client knows that puts every sparse update over what it knew."""
    known: Message = {}
    for report in reports:
        known |= report
    return known


class TestShapes:
    """Beside the recorded messages: the same fields, and no others."""

    def test_a_limit_order_that_trades_at_once(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.limit("sell", "0.02", "49000", userref=7)
            pending, new, trade, _ = listener.updates(4)

        assert shape(pending) == shape(recorded("executions_pending_new"))
        assert shape(new) == shape(recorded("executions_new"))
        assert shape(trade) == shape(recorded("executions_trade"))

    def test_an_amended_and_a_canceled_order(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            order_id = trader.limit("buy", "0.02", "40000", cl_ord_id="0123456789abcdef")
            trader.result("AmendOrder", txid=order_id, order_qty="0.03", limit_price="41000")
            trader.result("CancelOrder", txid=order_id)
            _, _, amended, canceled = listener.updates(4)

        assert shape(amended) == shape(recorded("executions_amended"))
        assert shape(canceled) == shape(recorded("executions_canceled"))
        expected = recorded("executions_amended")["data"][0]
        varying = {"timestamp": "", "order_id": ""}
        assert amended["data"][0] | varying == expected | varying

    def test_trades_in_a_snapshot(self, paper: Paper, trader: Trader) -> None:
        trader.market("buy", "0.01")
        with listening(paper) as listener:
            snapshot = listener.subscribe(trader, snap_orders=False, snap_trades=True)

        expected = recorded("executions_snapshot_trades")
        assert shape(snapshot) == shape(expected)
        varying = {"timestamp": "", "order_id": "", "exec_id": "", "trade_id": 0}
        assert snapshot["data"][0] | varying == expected["data"][0] | varying

    def test_numbers_have_the_venues_decimals(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.market("buy", "0.01")
            trade = listener.reports(3)[-1]

        shown = {name: str(trade[name]) for name in ("last_qty", "last_price", "cost", "avg_price")}
        assert shown == {
            "last_qty": "0.01000000",
            "last_price": "50005.0",
            "cost": "500.05000",
            "avg_price": "50005.00000",
        }


class TestLives:
    def test_a_market_order(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            order = trader.order(order_id := trader.market("buy", "0.01"))
            reports = listener.reports(4)

        assert events(reports) == LIFE_OF_A_MARKET_ORDER
        assert {report["order_id"] for report in reports} == {order_id}
        assert [report["exec_id"] for report in reports if "exec_id" in report] == order["trades"]
        # the trade fills the whole order, and still calls it partial
        assert reports[2]["order_status"] == "partially_filled"
        known = merged(reports)
        assert known["order_status"] == "filled"
        assert (known["symbol"], known["side"], known["order_type"]) == ("BTC/USD", "buy", "market")
        assert f"{known['cum_cost']:f}" == order["cost"]
        assert f"{known['fees'][0]['qty']:f}" == order["fee"]
        assert known["fees"][0]["asset"] == "USD"

    def test_updates_are_sparse(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.market("buy", "0.01")
            _, new, trade, filled = listener.reports(4)

        assert set(new) == NAMES
        assert set(filled) == NAMES | TOTALS
        assert not {"order_qty", "time_in_force", "fee_ccy_pref", "stop_price"} & set(trade)

    def test_a_resting_order_is_filled_later_as_a_maker(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.limit("buy", "0.01", "49000", cl_ord_id="mine")
            assert events(listener.reports(2)) == ["pending_new", "new"]
            paper.patch("/market/BTC-USD", price="48000")
            trade, filled = listener.reports(2)

        assert (trade["liquidity_ind"], str(trade["last_price"]), filled["order_status"]) == ("m", "49000.0", "filled")
        assert trade["cl_ord_id"] == filled["cl_ord_id"] == "mine"
        assert "order_userref" not in trade

    def test_an_order_over_several_levels_has_several_trades(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.01")
        with listening(paper) as listener:
            listener.subscribe(trader)
            order = trader.order(trader.market("buy", "0.03"))
            reports = listener.reports(6)

        trades = [report for report in reports if report["exec_type"] == "trade"]
        assert events(reports) == ["pending_new", "new", "trade", "trade", "trade", "filled"]
        assert [report["exec_id"] for report in trades] == order["trades"]
        assert [report["cum_qty"] for report in trades] == [Decimal("0.01"), Decimal("0.02"), Decimal("0.03")]
        assert sum(report["cost"] for report in trades) == trades[-1]["cum_cost"] == Decimal(order["cost"])
        assert sum(report["fees"][0]["qty"] for report in trades) == Decimal(order["fee"])
        assert trades[-1]["fee_usd_equiv"] == Decimal(order["fee"])

    def test_what_the_market_does_not_fill_is_canceled(self, paper: Paper, trader: Trader) -> None:
        paper.fault("partial_fill", method="AddOrder", fraction="0.3")
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.market("buy", "0.01")
            reports = listener.reports(4)

        assert events(reports) == ["pending_new", "new", "trade", "canceled"]
        assert (reports[-1]["cum_qty"], reports[-1]["order_status"]) == (Decimal("0.003"), "canceled")
        assert reports[-1]["reason"]

    def test_an_order_that_expires(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.limit("buy", "0.01", "40000", timeinforce="GTD", expiretm="+1")
            reports = listener.reports(3)

        assert events(reports) == ["pending_new", "new", "expired"]

    def test_an_order_that_waits_for_its_trigger(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.result("AddOrder", pair="XBTUSD", type="sell", ordertype="stop-loss", volume="0.01", price="45000")
            pending, new = listener.reports(2)
            paper.patch("/market/BTC-USD", price="44000")
            triggered, trade, filled = listener.reports(3)

        assert pending["triggers"]["status"] == "untriggered"
        assert str(pending["stop_price"]) == "45000.0"
        assert (new["exec_type"], triggered["exec_type"], triggered["triggers"]["status"]) == (
            "new",
            "status",
            "triggered",
        )
        assert events([trade, filled]) == ["trade", "filled"]

    def test_a_size_in_quote(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.market("buy", "100", oflags="viqc")
            pending = listener.reports(4)[0]

        assert pending["cash_order_qty"] == 100
        assert "order_qty" not in pending

    def test_fills_that_come_after_the_answer(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/settings", fill_delay_s=1.5, partial_fill_probability=1)
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.market("buy", "0.01")
            reports = listener.reports(5)

        assert events(reports) == ["pending_new", "new", "trade", "trade", "filled"]
        assert reports[-1]["cum_qty"] == Decimal("0.01")

    def test_a_refused_order_is_not_heard_of(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            assert trader.error("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="100")
            trader.limit("buy", "0.01", "40000", cl_ord_id="next")

            assert listener.reports(1)[0]["cl_ord_id"] == "next"


class TestSnapshots:
    def test_nothing_open(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            assert listener.subscribe(trader) == {
                "channel": "executions",
                "type": "snapshot",
                "data": [],
                "sequence": 1,
            }

    def test_open_orders_as_they_stand(self, paper: Paper, trader: Trader) -> None:
        untouched = trader.limit("buy", "0.01", "40000")
        paper.patch("/market/BTC-USD", depth="0.001")
        started = trader.limit("buy", "0.02", "50006")
        trader.result("CancelOrder", txid=trader.limit("buy", "0.01", "39000"))
        with listening(paper) as listener:
            rows = {row["order_id"]: row for row in listener.subscribe(trader)["data"]}

        assert set(rows) == {untouched, started}
        assert set(rows[untouched]) == set(recorded("executions_pending_new")["data"][0])
        assert rows[untouched]["order_status"] == "new"
        assert (rows[started]["order_status"], rows[started]["cum_qty"]) == ("partially_filled", Decimal("0.001"))

    def test_the_last_fifty_trades_newest_first(self, paper: Paper, trader: Trader) -> None:
        made = [trader.order(trader.market("buy", "0.0001"))["trades"][0] for _ in range(52)]
        trader.limit("buy", "0.01", "40000")
        with listening(paper) as listener:
            rows = listener.subscribe(trader, snap_trades=True)["data"]

        assert rows[0]["exec_type"] == "new"
        assert [row["exec_id"] for row in rows[1:]] == made[:1:-1]
        assert {row["order_status"] for row in rows[1:]} == {"filled"}

    def test_none_when_none_is_wanted(self, paper: Paper, trader: Trader) -> None:
        trader.limit("buy", "0.01", "40000")
        with listening(paper) as listener:
            listener.ask("subscribe", params={"channel": "executions", "token": token(trader), "snap_orders": False})
            trader.result("CancelAll")

            assert listener.hear()["type"] == "update"

    def test_what_came_before_is_not_said_again_as_an_update(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.01", "40000")
        with listening(paper) as listener:
            listener.subscribe(trader)
            trader.result("CancelOrder", txid=order_id)

            assert events(listener.reports(1)) == ["canceled"]


class TestNumbers:
    def test_they_have_no_gap_over_many_orders(self, paper: Paper) -> None:
        trader = paper.open({"USD": "10000000"})
        with listening(paper) as listener:
            first = listener.subscribe(trader)
            placed = [trader.market("buy", "0.001") for _ in range(150)]
            updates = listener.updates(4 * len(placed))

        assert first["sequence"] == 1
        assert [update["sequence"] for update in updates] == list(range(2, 2 + len(updates)))
        told = [update["data"][0]["order_id"] for update in updates if update["data"][0]["exec_type"] == "filled"]
        assert told == placed

    def test_two_subscribers_have_their_own(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as early, listening(paper) as late:
            early.subscribe(trader)
            trader.market("buy", "0.01")
            early.updates(4)
            late.subscribe(trader)
            trader.market("sell", "0.01")
            heard = early.updates(4), late.updates(4)

        assert [[update["sequence"] for update in updates] for updates in heard] == [[6, 7, 8, 9], [2, 3, 4, 5]]
        assert [update["data"] for update in heard[0]] == [update["data"] for update in heard[1]]

    def test_two_channels_of_one_connection_have_their_own(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            listener.subscribe(trader, "balances")
            trader.market("buy", "0.01")
            updates = listener.updates(6)

        numbers: dict[str, list[int]] = {"executions": [], "balances": []}
        for update in updates:
            numbers[update["channel"]].append(update["sequence"])
        assert numbers == {"executions": [2, 3, 4, 5], "balances": [2, 3]}

    def test_nobody_hears_of_others(self, paper: Paper, trader: Trader) -> None:
        other = paper.open()
        with listening(paper) as listener:
            listener.subscribe(trader)
            other.market("buy", "0.01")
            placed = trader.market("buy", "0.01")

            assert {report["order_id"] for report in listener.reports(4)} == {placed}


class TestByHand:
    def test_a_market_order_shows_up_like_any_other(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            row = paper.post("/orders", hand(trader))
            reports = listener.reports(4)

        assert (row["status"], row["executed"], row["client_order_id"]) == ("closed", "0.01", None)
        assert events(reports) == LIFE_OF_A_MARKET_ORDER
        assert {report["order_id"] for report in reports} == {row["order_id"]}
        assert "cl_ord_id" not in merged(reports)
        assert trader.order(row["order_id"])["status"] == "closed"
        assert trader.books()["orders"][0]["order_id"] == row["order_id"]

    def test_a_limit_order_and_its_end(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            row = paper.post("/orders", hand(trader, type="limit", price="40000"))
            ended = paper.delete(f"/orders/{row['order_id']}")
            reports = listener.reports(3)

        assert (row["status"], ended["status"]) == ("open", "canceled")
        assert events(reports) == ["pending_new", "new", "canceled"]
        assert paper.refused("DELETE", f"/orders/{row['order_id']}")[0] == 400
        assert paper.refused("DELETE", "/orders/O-NOBODY")[0] == 404

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"account": "nobody"}, 404),
            ({"symbol": "XBTUSD"}, 400),
            ({"side": "hold"}, 400),
            ({"type": "stop-loss"}, 400),
            ({"volume": "0"}, 400),
            ({"volume": "0.00001"}, 400),
            ({"volume": "0.000000001"}, 400),
            ({"volume": "1e40"}, 400),
            ({"volume": "100"}, 400),
            ({"price": "50000"}, 400),
            ({"type": "limit"}, 400),
            ({"type": "limit", "price": "50000.01"}, 400),
            ({"amount": "1"}, 400),
        ],
        ids=lambda value: "-".join(f"{name} {text}" for name, text in value.items()) if isinstance(value, dict) else "",
    )
    def test_what_cannot_be_is_refused(self, paper: Paper, trader: Trader, change: dict[str, str], status: int) -> None:
        answered, text = paper.refused("POST", "/orders", hand(trader) | change)

        assert answered == status
        assert text
        assert trader.books()["orders"] == []

    @pytest.mark.parametrize("venue", ["coinbase", "alpaca"])
    def test_at_the_other_venues_too(self, paper: Paper, venue: str) -> None:
        wanted = {"name": f"hand.{venue}", "venue": venue, "balances": {"USD": "1000"}}
        paper.post("/accounts", wanted)
        order = {"account": f"hand.{venue}", "symbol": "BTC-USD", "side": "buy", "type": "market", "volume": "0.01"}

        row = paper.post("/orders", order | {"client_order_id": "by-hand"})

        def booked() -> list[dict[str, Any]]:
            return list(paper.get(f"/books?account=hand.{venue}")["trades"])

        assert [trade["order_id"] for trade in eventually(booked)] == [row["order_id"]]


_names = itertools.count(1)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("market"), st.sampled_from(["buy", "sell"]), st.integers(1, 50)),
        st.tuples(st.just("limit"), st.sampled_from(["buy", "sell"]), st.integers(45_000, 55_000)),
        st.tuples(st.just("price"), st.just(""), st.integers(45_000, 55_000)),
        st.tuples(st.just("cancel"), st.just(""), st.just(0)),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_who_only_listens_knows_what_the_books_know(paper: Paper, steps: list[tuple[str, str, int]]) -> None:
    paper.patch("/market/BTC-USD", price="50000", depth="0.01")
    trader = paper.open(name=f"listened{next(_names)}")
    with listening(paper) as listener:
        listener.subscribe(trader)
        for kind, side, number in steps:
            if kind == "price":
                paper.patch("/market/BTC-USD", price=str(number))
            elif kind == "cancel":
                trader.result("CancelAll")
            else:
                volume = str(Decimal(number) / 1000) if kind == "market" else "0.02"
                price = {"price": str(number)} if kind == "limit" else {}
                trader.call("AddOrder", pair="XBTUSD", type=side, ordertype=kind, volume=volume, **price)
        listener.send("ping")
        heard: list[Message] = []
        while "sequence" in (message := listener.hear()):
            heard.append(message)
        books = trader.books()
        # what the next example opens must not fill these
        trader.call("CancelAll")

    assert [message["sequence"] for message in heard] == list(range(2, 2 + len(heard)))
    told: dict[str, list[Message]] = {}
    for message in heard:
        (report,) = message["data"]
        told.setdefault(report["order_id"], []).append(report)
    words = {"open": {"new", "partially_filled"}, "closed": {"filled"}, "canceled": {"canceled"}}
    assert set(told) == {row["order_id"] for row in books["orders"]}
    for row in books["orders"]:
        known = merged(told[row["order_id"]])
        assert known["order_status"] in words[row["status"]]
        assert known.get("cum_qty", 0) == Decimal(row["executed"])
        assert known["cum_cost"] == Decimal(row["cost"])
    fills = [report["exec_id"] for message in heard for report in message["data"] if "exec_id" in report]
    assert fills == [trade["trade_id"] for trade in books["trades"]]


def hand(trader: Trader, **more: str) -> dict[str, str]:
    order = {"account": trader.name, "symbol": "BTC-USD", "side": "buy", "type": "market", "volume": "0.01"}
    return order | more
