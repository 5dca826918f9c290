"""Alpaca's stream: keys, listening, what is told of orders, and the official SDK on it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from alpaca.trading.models import TradeUpdate
from alpaca.trading.stream import TradingStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader, recorded
from tests.paper_exchange.alpaca_socket import Message, listening, url
from tests.paper_exchange.client import REPOSITORY, eventually

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

SAMPLE = REPOSITORY.parent / "shared" / "samples" / "alpaca" / "trade_updates.json"
SHAPES: dict[str, Message] = recorded("trade_updates")
RECORDED_AS = {"authorized": "auth_ok", "unauthorized": "auth_bad", "listening": "listening", "fill": "fill"}
UNAUTHORIZED = SHAPES["unauthorized"]


def types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: types(item) for name, item in value.items()}
    if isinstance(value, list):
        return [types(item) for item in value[:1]]
    return type(value).__name__


def events(updates: list[Message]) -> list[str]:
    return [update["event"] for update in updates]


def hand(trader: AlpacaTrader, **more: Any) -> dict[str, Any]:
    order = {"account": trader.name, "symbol": "BTC-USD", "side": "buy", "type": "market", "volume": "0.02"}
    return order | more


@pytest.mark.parametrize("name", sorted(RECORDED_AS))
def test_the_shapes_of_these_tests_are_the_recorded_ones(name: str) -> None:
    if not SAMPLE.exists():
        pytest.skip("the recorded answers are not beside the repository")

    assert types(SHAPES[name]) == types(json.loads(SAMPLE.read_text())[RECORDED_AS[name]])


class TestKeys:
    def test_authenticate_and_listen(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca) as listener:
            assert listener.authenticate(alpaca_trader) == SHAPES["authorized"]
            assert listener.ask("listen", streams=["trade_updates"]) == SHAPES["listening"]

    def test_the_documented_form_is_flat(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca) as listener:
            request = {"action": "auth", "key": alpaca_trader.key, "secret": alpaca_trader.secret}
            listener.connection.send(json.dumps(request).encode())

            assert listener.hear() == SHAPES["authorized"]

    def test_bad_keys(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca) as listener:
            assert listener.ask("authenticate", key_id=alpaca_trader.key, secret_key="wrong") == UNAUTHORIZED
            assert listener.ask("authenticate", key_id="PKNONE", secret_key=alpaca_trader.secret) == UNAUTHORIZED
            assert listener.ask("authenticate") == UNAUTHORIZED
            # the connection stays, and takes better ones
            assert listener.authenticate(alpaca_trader) == SHAPES["authorized"]

    def test_a_key_that_was_disabled(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open()
        alpaca.patch(f"/accounts/{trader.name}", enabled=False)
        with listening(alpaca) as listener:
            assert listener.authenticate(trader) == UNAUTHORIZED

    def test_listening_needs_a_key_first(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca) as listener:
            answer = listener.ask("listen", streams=["trade_updates"])
            alpaca_trader.trade(qty="0.01")

            assert answer == {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
            assert listener.says_nothing(0.2)

    def test_another_key_ends_the_listening(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            listener.authenticate(alpaca.open())
            alpaca_trader.trade(qty="0.01")

            assert listener.says_nothing(0.2)


class TestListening:
    @pytest.mark.parametrize("streams", [[], ["account_updates"], None], ids=["none", "another", "no list"])
    def test_what_is_not_listed_is_not_wanted(
        self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, streams: Any
    ) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            assert listener.ask("listen", streams=streams) == {"stream": "listening", "data": {"streams": []}}
            alpaca_trader.trade(qty="0.01")

            assert listener.says_nothing(0.2)

    def test_listening_twice_is_listening_once(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            listener.ask("listen", streams=["account_updates", "trade_updates"])
            alpaca_trader.trade(qty="0.01")

            assert events(listener.updates(3)) == ["pending_new", "new", "fill"]
            assert listener.says_nothing(0.2)

    def test_nobody_hears_of_others(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca.open()) as other, listening(alpaca, alpaca_trader) as listener:
            alpaca_trader.trade(qty="0.01")

            assert len(listener.updates(3)) == 3
            assert other.says_nothing(0.1)

    def test_frames_are_binary_as_of_paper_accounts_unless_wanted(
        self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader
    ) -> None:
        live = alpaca.open(text_frames=True)
        with listening(alpaca, alpaca_trader) as listener, listening(alpaca, live) as text_listener:
            alpaca_trader.trade(qty="0.01")
            live.trade(qty="0.01")
            assert isinstance(listener.connection.recv(timeout=30), bytes)
            assert isinstance(text_listener.connection.recv(timeout=30), str)
            alpaca.patch(f"/accounts/{live.name}", text_frames=False)
            live.trade(qty="0.01")
            later = [text_listener.connection.recv(timeout=30) for _ in range(5)]

        assert [type(frame) for frame in later] == [str, str, bytes, bytes, bytes]

    @pytest.mark.parametrize("text", ["[", "1", '{"action":"sing"}'], ids=["no json", "no object", "no action"])
    def test_what_makes_no_sense_ends_the_connection(self, alpaca: AlpacaHouse, text: str) -> None:
        with listening(alpaca) as listener:
            listener.connection.send(text)

            assert listener.hear()["action"] == "error"
            with pytest.raises(ConnectionClosedOK):
                listener.hear()

    def test_another_path_is_not_found(self, alpaca: AlpacaHouse) -> None:
        with pytest.raises(InvalidStatus) as caught:
            connect(url(alpaca) + "s")

        assert caught.value.response.status_code == 404


class TestLives:
    def test_a_market_order(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            placed = alpaca_trader.place(qty="0.01")
            pending, new = listener.updates(2)
            message = listener.hear()
        fill = message["data"]

        assert events([pending, new, fill]) == ["pending_new", "new", "fill"]
        assert pending["order"] == placed
        assert (new["order"]["status"], new["order"]["filled_qty"]) == ("new", "0")
        assert fill["order"] == alpaca_trader.settled(placed)
        wanted = SHAPES["fill"]["data"]
        assert types(message | {"data": fill | {"order": ""}}) == types(SHAPES["fill"])
        assert {name: fill[name] for name in ("price", "qty", "position_qty")} == {
            name: wanted[name] for name in ("price", "qty", "position_qty")
        }
        # the fee is taken from what is received
        assert alpaca_trader.position()["qty"] == fill["position_qty"]
        (activity,) = alpaca_trader.get("/v2/account/activities/FILL")
        assert activity["id"].endswith(fill["execution_id"])

    def test_an_order_by_amount(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            placed = alpaca_trader.place(notional="100")
            pending, _, fill = listener.updates(3)

        assert pending["order"] == placed
        assert (fill["order"]["notional"], fill["order"]["qty"]) == ("100", None)

    def test_one_that_meets_several_prices(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(depth="0.01")
        with listening(alpaca, alpaca_trader) as listener:
            alpaca_trader.place("sell", qty="0.025")
            updates = listener.updates(5)

        assert events(updates) == ["pending_new", "new", "partial_fill", "partial_fill", "fill"]
        fills = updates[2:]
        assert [fill["qty"] for fill in fills] == ["0.01", "0.01", "0.005"]
        assert [fill["order"]["filled_qty"] for fill in fills] == ["0.01", "0.02", "0.025"]
        assert [fill["order"]["status"] for fill in fills] == ["partially_filled", "partially_filled", "filled"]
        assert [fill["position_qty"] for fill in fills] == ["0.99", "0.98", "0.975"]
        prices = [Decimal(fill["price"]) for fill in fills]
        assert all(better > worse for better, worse in pairwise(prices))
        assert fills[0]["order"]["filled_avg_price"] == fills[0]["price"]

    def test_a_canceled_one_keeps_what_it_had(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(depth="0.01")
        with listening(alpaca, alpaca_trader) as listener:
            placed = alpaca_trader.place(type="limit", qty="0.1", limit_price="50006")
            told = listener.updates(3)
            alpaca_trader.call("DELETE", f"/v2/orders/{placed['id']}")
            (canceled,) = listener.updates(1)

        assert events(told) == ["pending_new", "new", "partial_fill"]
        assert canceled["event"] == "canceled"
        assert canceled["order"] == alpaca_trader.order(placed["id"])
        assert (canceled["order"]["filled_qty"], canceled["timestamp"]) == ("0.01", canceled["order"]["canceled_at"])
        assert "qty" not in canceled

    def test_one_that_cannot_be_paid_any_more_is_rejected(self, alpaca: AlpacaHouse) -> None:
        alpaca.settings(fill_delay_s=1.5)
        trader = alpaca.open({"USD": "5001"})
        with listening(alpaca, trader) as listener:
            trader.place(qty="0.1")
            alpaca.market(price="60000")
            told = listener.updates(3)

        assert events(told) == ["pending_new", "new", "rejected"]
        assert (told[2]["order"]["status"], told[2]["order"]["failed_at"]) == ("rejected", told[2]["timestamp"])

    def test_one_that_may_not_wait_and_finds_no_price(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            alpaca_trader.place(type="limit", qty="0.1", limit_price="49000", time_in_force="ioc")

            assert events(listener.updates(3)) == ["pending_new", "new", "canceled"]

    def test_one_that_may_not_wait_and_finds_a_part(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(depth="0.01")
        with listening(alpaca, alpaca_trader) as listener:
            placed = alpaca_trader.place(type="limit", qty="0.1", limit_price="50006", time_in_force="ioc")
            _, _, part, canceled = listener.updates(4)

        assert (part["event"], part["order"]["status"], part["qty"]) == ("partial_fill", "partially_filled", "0.01")
        assert (canceled["event"], canceled["order"]) == ("canceled", alpaca_trader.order(placed["id"]))

    def test_names_of_events_are_their_own(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as one, listening(alpaca, alpaca_trader) as two:
            alpaca_trader.place(qty="0.01")
            names = [[update["execution_id"] for update in listener.updates(3)] for listener in (one, two)]

        assert names[0] == names[1]
        assert len(set(names[0])) == 3


class TestByHand:
    def test_it_is_told_of_as_any_other(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        with listening(alpaca, alpaca_trader) as listener:
            row = alpaca.post("/orders", hand(alpaca_trader))
            updates = listener.updates(3)

        assert {update["order"]["id"] for update in updates} == {row["order_id"]}
        found = alpaca_trader.get("/v2/orders:by_client_order_id", client_order_id=row["client_order_id"])
        assert updates[-1]["order"] == found

    def test_a_limit_order_filled_in_parts(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(depth="0.01")
        with listening(alpaca, alpaca_trader) as listener:
            row = alpaca.post("/orders", hand(alpaca_trader, type="limit", price="49000", volume="0.03"))
            assert events(listener.updates(2)) == ["pending_new", "new"]
            alpaca.market(price="48994")
            (part,) = listener.updates(1)
            alpaca.market(depth="1")
            (rest,) = listener.updates(1)

        assert (part["event"], part["qty"], part["order"]["filled_qty"]) == ("partial_fill", "0.01", "0.01")
        assert (rest["event"], rest["qty"], rest["order"]["filled_qty"]) == ("fill", "0.02", "0.03")
        assert rest["order"]["id"] == row["order_id"]


class TestSdk:
    """The official client, which runs in a thread of its own."""

    @pytest.fixture
    def heard(self) -> queue.Queue[TradeUpdate]:
        return queue.Queue()

    @pytest.fixture
    def stream(
        self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, heard: queue.Queue[TradeUpdate]
    ) -> Iterator[TradingStream]:
        stream = TradingStream(alpaca_trader.key, alpaca_trader.secret, url_override=url(alpaca))

        async def handle(update: TradeUpdate) -> None:
            heard.put(update)

        stream.subscribe_trade_updates(handle)
        running = threading.Thread(target=stream.run, daemon=True)
        running.start()
        eventually(lambda: self.listeners(alpaca, alpaca_trader))
        yield stream
        stream.stop()
        # It looks whether it is to end after the next message only.
        alpaca_trader.trade(qty="0.01")
        running.join(timeout=30)
        assert not running.is_alive()

    def listeners(self, alpaca: AlpacaHouse, trader: AlpacaTrader) -> list[int]:
        return [row["id"] for row in alpaca.get("/sockets") if row["accounts"] == [trader.name]]

    def test_it_is_told_of_orders(
        self, stream: TradingStream, alpaca_trader: AlpacaTrader, heard: queue.Queue[TradeUpdate]
    ) -> None:
        placed = alpaca_trader.place(qty="0.01")

        updates = [heard.get(timeout=30) for _ in range(3)]

        assert [update.event for update in updates] == ["pending_new", "new", "fill"]
        assert {str(update.order.id) for update in updates} == {placed["id"]}
        assert (updates[2].qty, updates[2].price, updates[2].position_qty) == (0.01, 50005.0, 1.009975)

    def test_it_reads_orders_by_hand(
        self,
        stream: TradingStream,
        alpaca: AlpacaHouse,
        alpaca_trader: AlpacaTrader,
        heard: queue.Queue[TradeUpdate],
    ) -> None:
        row = alpaca.post("/orders", hand(alpaca_trader))

        assert [heard.get(timeout=30).order.client_order_id for _ in range(3)] == [row["client_order_id"]] * 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    volumes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    depth=st.integers(3, 30),
    sides=st.lists(st.sampled_from(["buy", "sell"]), min_size=4, max_size=4),
    delay_s=st.sampled_from([0, 0.005]),
)
def test_what_is_told_adds_up_to_the_position(
    alpaca: AlpacaHouse,
    alpaca_trader: AlpacaTrader,
    volumes: list[int],
    depth: int,
    sides: list[str],
    delay_s: float,
) -> None:
    alpaca.settings(fill_delay_s=delay_s)
    alpaca.market(depth=f"0.00{depth:02}")
    position = Decimal(alpaca_trader.position()["qty"])
    with listening(alpaca, alpaca_trader) as listener:
        for side, volume in zip(sides, volumes, strict=False):
            order = alpaca_trader.trade(side, qty=f"0.0{volume:02}")
            assert events(listener.updates(2)) == ["pending_new", "new"]
            executed = Decimal(0)
            for activity in reversed(
                alpaca_trader.get("/v2/account/activities/FILL", order_id=order["id"], page_size="100")
            ):
                (fill,) = listener.updates(1)
                executed += Decimal(fill["qty"])
                assert fill["execution_id"] == activity["id"].partition("::")[2]
                assert (fill["event"], fill["qty"], fill["price"]) == (
                    activity["type"],
                    activity["qty"],
                    activity["price"],
                )
                assert Decimal(fill["order"]["filled_qty"]) == executed == Decimal(activity["cum_qty"])
                moved = Decimal(fill["position_qty"]) - position
                assert moved <= Decimal(fill["qty"]) if side == "buy" else moved == -Decimal(fill["qty"])
                position = Decimal(fill["position_qty"])
            if order["status"] != "filled":
                assert events(listener.updates(1)) == [order["status"]]
            assert Decimal(alpaca_trader.position()["qty"]) == position
