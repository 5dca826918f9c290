"""The channel `user`: every order of the account, whoever placed it, as it stands after each thing that happens."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from coinbase.rest import RESTClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.paper_exchange.client import Paper
from tests.paper_exchange.coinbase_client import CoinbaseTrader, open_coinbase, recorded
from tests.paper_exchange.coinbase_socket import Message, listening
from tests.paper_exchange.test_coinbase_clients import Redirected
from tests.paper_exchange.test_coinbase_shapes import shape

#: The names of the same thing by WebSocket and by REST.
SAME = {
    "cumulative_quantity": "filled_size",
    "avg_price": "average_filled_price",
    "total_fees": "total_fees",
    "filled_value": "filled_value",
    "number_of_fills": "number_of_fills",
    "status": "status",
    "order_side": "side",
    "client_order_id": "client_order_id",
    "creation_time": "created_time",
    "time_in_force": "time_in_force",
    "outstanding_hold_amount": "outstanding_hold_amount",
}


def agrees(told: Message, order: dict[str, Any]) -> bool:
    return {name: told[name] for name in SAME} == {name: order[there] for name, there in SAME.items()}


def hand(trader: CoinbaseTrader, **more: Any) -> dict[str, Any]:
    order = {"account": trader.name, "symbol": "BTC-USD", "side": "buy", "type": "market", "volume": "0.02"}
    return order | more


def at_depth(coinbase: Paper, depth: str) -> None:
    coinbase.patch("/market/BTC-USD?venue=coinbase", depth=depth)


def sizes(told: list[Message]) -> list[tuple[str, str]]:
    return [(order["status"], order["cumulative_quantity"]) for order in told]


class TestLives:
    def test_a_market_order(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            order_id = coinbase_trader.place("BUY", base_size="0.01")
            pending, update = listener.orders(1)[0], listener.hear()

        (filled,) = update["events"][0]["orders"]
        assert shape(update) == shape(recorded("ws_user_update"))
        (wanted,) = recorded("ws_user_update")["events"][0]["orders"]
        varying = dict.fromkeys(("client_order_id", "order_id", "retail_portfolio_id", "creation_time"), "")
        assert filled | varying == wanted | varying
        assert sizes([pending]) == [("PENDING", "0")]
        assert (pending["leaves_quantity"], pending["avg_price"], pending["number_of_fills"]) == ("0.01", "0", "0")
        assert pending["outstanding_hold_amount"] != "0"
        assert agrees(filled, coinbase_trader.settled(order_id))

    def test_an_order_by_amount(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            order_id = coinbase_trader.place("BUY", quote_size="250")
            pending, filled = listener.orders(2)

        assert Decimal(pending["leaves_quantity"]) == pytest.approx(Decimal("0.004962"), abs=Decimal("0.00001"))
        assert (filled["leaves_quantity"], filled["completion_percentage"]) == ("0", "100.00")
        assert filled["total_value_after_fees"] == "250"
        assert agrees(filled, coinbase_trader.settled(order_id))

    def test_one_that_meets_several_prices_is_told_of_trade_by_trade(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader
    ) -> None:
        at_depth(coinbase, "0.01")
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            order_id = coinbase_trader.place("BUY", base_size="0.025")
            told = listener.orders_until("FILLED")

        assert sizes(told) == [("PENDING", "0"), ("OPEN", "0.01"), ("OPEN", "0.02"), ("FILLED", "0.025")]
        assert [order["number_of_fills"] for order in told] == ["0", "1", "2", "3"]
        assert [order["completion_percentage"] for order in told] == ["0.00", "40.00", "80.00", "100.00"]
        fills = [Decimal(fill["commission"]) for fill in coinbase_trader.get("/orders/historical/fills")["fills"]]
        fees = [Decimal(order["total_fees"]) for order in told]
        assert [after - before for before, after in pairwise(fees)] == fills[::-1]
        assert agrees(told[-1], coinbase_trader.settled(order_id))

    def test_one_that_rests_and_is_filled_in_parts(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            order_id = coinbase_trader.limit("BUY", "0.02", "49000")
            (told,) = listener.orders(1)
            assert (told["status"], told["limit_price"], told["order_type"]) == ("OPEN", "49000", "Limit")
            assert Decimal(told["total_value_after_fees"]) == Decimal("980") * Decimal("1.0075")
            at_depth(coinbase, "0.004")
            coinbase.patch("/market/BTC-USD?venue=coinbase", price="48994")
            (part,) = listener.orders(1)
            assert sizes([part]) == [("OPEN", "0.004")]
            assert (part["leaves_quantity"], part["avg_price"]) == ("0.016", "49000")
            at_depth(coinbase, "1")
            assert sizes(listener.orders_until("FILLED"))[-1] == ("FILLED", "0.02")
        assert coinbase_trader.order(order_id)["status"] == "FILLED"

    def test_a_canceled_one_keeps_what_it_had(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        at_depth(coinbase, "0.001")
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            order_id = coinbase_trader.limit("SELL", "0.5", "49000")
            coinbase_trader.call("POST", "/orders/batch_cancel", {"order_ids": [order_id]})
            told = listener.orders_until("CANCELLED")

        assert told[0]["cumulative_quantity"] == "0"
        assert told[-1]["cancel_reason"] == "User requested"
        assert agrees(told[-1], coinbase_trader.order(order_id))
        assert told[-1]["outstanding_hold_amount"] == "0"

    def test_one_that_may_not_wait_and_finds_a_part(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        at_depth(coinbase, "0.01")
        values = {"base_size": "0.1", "limit_price": "50006"}
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            coinbase_trader.place("BUY", configuration={"sor_limit_ioc": values})
            told = listener.orders(3)

        assert sizes(told) == [("OPEN", "0"), ("OPEN", "0.01"), ("CANCELLED", "0.01")]
        assert [order["leaves_quantity"] for order in told] == ["0.1", "0.09", "0.09"]

    def test_one_that_cannot_be_paid_any_more_fails(self, coinbase: Paper) -> None:
        coinbase.patch("/settings?venue=coinbase", fill_delay_s=1.5)
        trader = open_coinbase(coinbase, {"USD": "5100"})
        with listening(coinbase) as listener:
            listener.subscribe(trader)
            trader.place("BUY", base_size="0.1")
            coinbase.patch("/market/BTC-USD?venue=coinbase", price="60000")
            pending, failed = listener.orders(2)

        assert (pending["status"], failed["status"], failed["reject_reason"]) == ("PENDING", "FAILED", "HOLD_FAILURE")

    def test_one_that_ends_by_the_clock(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        end_time = f"{datetime.fromtimestamp(time.time() + 1, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        values = {"base_size": "0.01", "limit_price": "40000", "end_time": end_time}
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            coinbase_trader.place("BUY", configuration={"limit_limit_gtd": values})
            opened, expired = listener.orders(2)

        assert (opened["end_time"], opened["status"], expired["status"]) == (end_time, "OPEN", "EXPIRED")


class TestByHand:
    def test_it_is_told_of_as_any_other(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            row = coinbase.post("/orders", hand(coinbase_trader))
            pending, filled = listener.orders(2)

        assert {pending["order_id"], filled["order_id"]} == {row["order_id"]}
        assert filled["client_order_id"] == row["client_order_id"]
        assert (filled["status"], filled["time_in_force"]) == ("FILLED", "IMMEDIATE_OR_CANCEL")
        assert agrees(filled, coinbase_trader.order(row["order_id"]))

    def test_the_venue_names_it(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        rows = [coinbase.post("/orders", hand(coinbase_trader)) for _ in range(2)]

        assert all(rows[0]["client_order_id"] != row["client_order_id"] for row in rows[1:])
        assert len(rows[0]["client_order_id"]) == 36
        assert coinbase.post("/orders", hand(coinbase_trader, client_order_id="own"))["client_order_id"] == "own"

    def test_a_limit_order_filled_in_parts(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        at_depth(coinbase, "0.01")
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            row = coinbase.post("/orders", hand(coinbase_trader, type="limit", price="49000", volume="0.03"))
            coinbase.patch("/market/BTC-USD?venue=coinbase", price="48994")
            first = listener.orders(2)
            coinbase.delete(f"/orders/{row['order_id']}")
            (last,) = listener.orders_until("CANCELLED")[-1:]

        assert sizes(first) == [("OPEN", "0"), ("OPEN", "0.01")]
        assert Decimal(last["cumulative_quantity"]) < Decimal("0.03")

    def test_the_official_sdk_can_read_it(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        client = RESTClient(api_key=coinbase_trader.key, api_secret=coinbase_trader.secret, timeout=30)
        client.session.trust_env = False
        client.session.mount("https://", Redirected(coinbase.coinbase_url))
        coinbase.post("/orders", hand(coinbase_trader))
        coinbase.post("/orders", hand(coinbase_trader, type="limit", price="40000"))

        resting, traded = (order.order_configuration for order in client.list_orders().orders)

        assert traded.market_market_ioc["base_size"] == "0.02"
        assert (resting.limit_limit_gtc["limit_price"], resting.limit_limit_gtc["post_only"]) == ("40000", False)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    volumes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    depth=st.integers(3, 30),
    sides=st.lists(st.sampled_from(["BUY", "SELL"]), min_size=4, max_size=4),
    delay_s=st.sampled_from([0, 0.005]),
)
def test_what_is_told_adds_up_to_the_fills(
    coinbase: Paper,
    coinbase_trader: CoinbaseTrader,
    volumes: list[int],
    depth: int,
    sides: list[str],
    delay_s: float,
) -> None:
    coinbase.patch("/settings?venue=coinbase", fill_delay_s=delay_s)
    at_depth(coinbase, f"0.00{depth:02}")
    with listening(coinbase) as listener:
        listener.subscribe(coinbase_trader)
        for side, volume in zip(sides, volumes, strict=False):
            order_id = coinbase_trader.place(side, base_size=f"0.0{volume:02}")
            order = coinbase_trader.settled(order_id)
            told = listener.orders_until(order["status"])

            assert agrees(told[-1], order)
            fills = coinbase_trader.get("/orders/historical/fills", order_ids=order_id)["fills"][::-1]
            grown = [Decimal(row["cumulative_quantity"]) for row in told]
            steps = [after - before for before, after in pairwise(grown) if after != before]
            assert steps == [Decimal(fill["size"]) for fill in fills]
            assert all(row["order_id"] == order_id for row in told)
