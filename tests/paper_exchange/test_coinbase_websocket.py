"""Coinbase's WebSocket: subscribing, being refused, numbers and heartbeats, and the official SDK on it."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from coinbase.websocket import WSUserClient
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from tests.paper_exchange.client import REPOSITORY, Paper
from tests.paper_exchange.coinbase_client import CoinbaseTrader, open_coinbase, recorded
from tests.paper_exchange.coinbase_socket import listening, order_of, socket_token, url

SAMPLES = REPOSITORY.parent / "shared" / "samples" / "coinbase"
TAKEN_FROM = {
    "ws_user_update": ("ws_user_messages.json", "update_market_fill"),
    "ws_error": ("ws_user_messages.json", "error"),
    "ws_user_snapshot": ("nautilus_ws_user.json", None),
    "ws_heartbeats": ("nautilus_ws_heartbeats.json", None),
}
REFUSED = {"type": "error", "message": "authentication failure"}


def types(value: Any) -> Any:
    """Types all the way down; of a list its first element."""
    if isinstance(value, dict):
        return {name: types(item) for name, item in value.items()}
    if isinstance(value, list):
        return [types(item) for item in value[:1]]
    return type(value).__name__


def subscriptions(message: dict[str, Any]) -> dict[str, list[str]]:
    assert message["channel"] == "subscriptions", message
    return message["events"][0]["subscriptions"]


@pytest.mark.parametrize("name", sorted(TAKEN_FROM))
def test_the_shapes_of_these_tests_are_the_recorded_ones(name: str) -> None:
    file, part = TAKEN_FROM[name]
    if not (SAMPLES / file).exists():
        pytest.skip("the recorded answers are not beside the repository")
    sample = json.loads((SAMPLES / file).read_text())

    assert types(recorded(name)) == types(sample if part is None else sample[part])


class TestSubscribing:
    def test_what_is_subscribed_comes_first_and_then_the_open_orders(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader
    ) -> None:
        order_id = coinbase_trader.limit("BUY", "0.002", "40000")
        coinbase_trader.trade("SELL", base_size="0.01")
        with listening(coinbase) as listener:
            listener.ask(coinbase_trader, "user", product_ids=["ETH-USD", "BTC-USD"])
            first, snapshot = listener.hear(), listener.hear()

        assert subscriptions(first) == {"user": ["BTC-USD", "ETH-USD"]}
        assert types(first) == types(recorded("ws_subscriptions")) | {
            "events": [{"subscriptions": {"user": ["str"]}}],
        }
        (order,) = snapshot["events"][0]["orders"]
        assert (order["order_id"], order["status"], order["leaves_quantity"]) == (order_id, "OPEN", "0.002")
        (wanted,) = recorded("ws_user_snapshot")["events"][0]["orders"]
        assert types({name: order[name] for name in wanted}) == types(wanted)
        assert {name for name in wanted if order[name] == wanted[name]} >= {
            "status",
            "order_type",
            "leaves_quantity",
            "total_value_after_fees",
            "time_in_force",
        }

    def test_no_products_are_all_products(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            assert listener.subscribe(coinbase_trader)["events"][0]["orders"] == []
            coinbase_trader.place("BUY", "ETH-USD", quote_size="50")
            coinbase_trader.place("SELL", base_size="0.01")

            assert {order["product_id"] for order in listener.orders(4)} == {"BTC-USD", "ETH-USD"}

    def test_other_products_are_not_told_of(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader, "ETH-USD")
            coinbase_trader.trade("SELL", base_size="0.01")
            coinbase_trader.place("BUY", "ETH-USD", quote_size="50")

            assert {order["product_id"] for order in listener.orders(2)} == {"ETH-USD"}

    def test_more_products_are_added(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader, "ETH-USD")
            listener.ask(coinbase_trader, "user", product_ids=["BTC-USD"])

            assert subscriptions(listener.hear()) == {"user": ["BTC-USD", "ETH-USD"]}
            assert listener.hear()["events"][0]["type"] == "snapshot"
            coinbase_trader.place("SELL", base_size="0.01")
            assert [order["status"] for order in listener.orders(2)] == ["PENDING", "FILLED"]

    @pytest.mark.parametrize("products", [[], ["BTC-USD"]], ids=["all", "each"])
    def test_after_leaving_nothing_is_told(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, products: list[str]
    ) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader, "BTC-USD")
            listener.ask(coinbase_trader, "user", "unsubscribe", product_ids=products)
            assert subscriptions(listener.hear()) == {}
            coinbase_trader.trade("SELL", base_size="0.01")

            assert listener.says_nothing(0.3)

    def test_leaving_one_of_several_products(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader, "BTC-USD", "ETH-USD")
            listener.ask(coinbase_trader, "user", "unsubscribe", product_ids=["BTC-USD"])

            assert subscriptions(listener.hear()) == {"user": ["ETH-USD"]}

    def test_whoever_subscribes_to_nothing_is_sent_away(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        started = time.monotonic()
        with listening(coinbase) as idle, listening(coinbase) as refused, listening(coinbase) as other:
            other.ask(coinbase_trader, "heartbeats")
            refused.send(type="subscribe", channel="user", jwt="none")
            assert refused.hear() == REFUSED

            for listener in (idle, refused):
                with pytest.raises(ConnectionClosedOK) as caught:
                    listener.hear()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1000
            assert time.monotonic() - started > 4
            # whoever has subscribed stays: this one has not even read yet
            assert [other.hear_anything()["sequence_num"] for _ in range(6)] == [0, 1, 2, 3, 4, 5]

    def test_another_path_is_not_found(self, coinbase: Paper) -> None:
        with pytest.raises(InvalidStatus) as caught:
            connect(url(coinbase) + "/ws")

        assert caught.value.response.status_code == 404


class TestRefusals:
    @pytest.mark.parametrize(
        "claims",
        [
            {"uri": "GET api.coinbase.com/api/v3/brokerage/accounts"},
            {"exp": 1_700_000_000, "nbf": 1_699_999_900},
            {"exp": None},
            {"iss": "somebody"},
            {"sub": "somebody"},
            {"header": {"kid": "organizations/none/apiKeys/none"}},
        ],
        ids=["for a request", "expired", "endless", "issuer", "subject", "unknown key"],
    )
    def test_a_bad_token(self, coinbase: Paper, coinbase_trader: CoinbaseTrader, claims: dict[str, Any]) -> None:
        with listening(coinbase) as listener:
            listener.ask(coinbase_trader, "user", jwt=socket_token(coinbase_trader, **claims))

            assert listener.hear() == REFUSED == recorded("ws_error")
            # the connection stays, and takes a better one
            listener.subscribe(coinbase_trader)

    def test_a_token_that_another_key_has_signed(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        forger = CoinbaseTrader(coinbase, "", coinbase_trader.key, open_coinbase(coinbase).secret)
        with listening(coinbase) as listener:
            listener.ask(forger, "user")

            assert listener.hear() == REFUSED

    @pytest.mark.parametrize("change", [{"enabled": False}, {"can_view": False}], ids=["disabled", "may not look"])
    def test_a_key_that_may_not(self, coinbase: Paper, change: dict[str, bool]) -> None:
        trader = open_coinbase(coinbase)
        coinbase.patch(f"/accounts/{trader.name}", **change)
        with listening(coinbase) as listener:
            listener.ask(trader, "user")

            assert listener.hear() == REFUSED

    def test_the_orders_of_two_accounts(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            listener.ask(open_coinbase(coinbase), "user")

            assert listener.hear() == REFUSED

    @pytest.mark.parametrize(
        ("request_", "message"),
        [
            ({"channel": "level2"}, "failure to subscribe"),
            ({"channel": "level2", "kind": "unsubscribe"}, "failure to unsubscribe"),
            ({"channel": "user", "product_ids": ["NONE-USD"]}, "failure to subscribe"),
            ({"channel": "user", "product_ids": [["BTC-USD"]]}, "failure to subscribe"),
            ({"channel": "user", "kind": "listen"}, "subscribe or unsubscribe required"),
        ],
        ids=["channel", "leaving", "product", "list in list", "type"],
    )
    def test_what_is_not_there(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, request_: dict[str, Any], message: str
    ) -> None:
        with listening(coinbase) as listener:
            listener.ask(coinbase_trader, **request_)

            assert listener.hear() == {"type": "error", "message": message}

    @pytest.mark.parametrize("text", ["", "[", "[]", "1"])
    def test_what_is_no_request(self, coinbase: Paper, text: str) -> None:
        with listening(coinbase) as listener:
            listener.connection.send(text)

            assert listener.hear() == {"type": "error", "message": "subscribe or unsubscribe required"}


class TestNumbers:
    def test_one_row_of_numbers_for_all_channels(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with listening(coinbase) as listener:
            listener.subscribe(coinbase_trader)
            listener.ask(coinbase_trader, "heartbeats")
            heard = []
            while sum(message["channel"] == "heartbeats" for message in heard) < 2:
                coinbase_trader.trade("SELL", base_size="0.001")
                heard += [listener.hear_anything(), listener.hear_anything()]

        # the first two came with the subscription to `user`
        assert [message["sequence_num"] for message in heard] == list(range(2, len(heard) + 2))
        assert {message["channel"] for message in heard} == {"subscriptions", "user", "heartbeats"}

    def test_a_heartbeat_a_second(self, coinbase: Paper) -> None:
        with listening(coinbase) as listener:
            listener.send(type="subscribe", channel="heartbeats")
            assert subscriptions(listener.hear()) == {"heartbeats": ["heartbeats"]}
            started = time.monotonic()
            beats = [listener.hear_anything() for _ in range(3)]
            took = time.monotonic() - started
            listener.send(type="unsubscribe", channel="heartbeats")
            assert subscriptions(listener.hear()) == {}

            assert types(beats[0]) == types(recorded("ws_heartbeats"))
            assert [beat["events"][0]["heartbeat_counter"] for beat in beats] == [1, 2, 3]
            assert 1.5 < took < 20
            assert listener.says_nothing(1.3)

    def test_a_bad_token_gets_no_heartbeats_either(self, coinbase: Paper) -> None:
        with listening(coinbase) as listener:
            listener.send(type="subscribe", channel="heartbeats", jwt="none")

            assert listener.hear() == REFUSED
            assert listener.says_nothing(1.3)

    def test_every_connection_begins_at_nought(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        with ExitStack() as stack:
            listeners = [stack.enter_context(listening(coinbase)) for _ in range(2)]
            assert [listener.subscribe(coinbase_trader)["sequence_num"] for listener in listeners] == [1, 1]
            coinbase_trader.place("SELL", base_size="0.001")

            told = [listener.orders(2) for listener in listeners]
        assert told[0] == told[1]


class TestSdk:
    """The official client, which calls from a thread of its own."""

    @pytest.fixture
    def heard(self) -> queue.Queue[str]:
        return queue.Queue()

    @pytest.fixture
    def client(
        self, coinbase: Paper, coinbase_trader: CoinbaseTrader, heard: queue.Queue[str]
    ) -> Iterator[WSUserClient]:
        client = WSUserClient(
            api_key=coinbase_trader.key,
            api_secret=coinbase_trader.secret,
            base_url=url(coinbase),
            timeout=30,
            on_message=heard.put,
        )
        client.open()
        yield client
        if client.websocket.open:
            client.close()
        coinbase.delete("/sockets")

    def next_of(self, heard: queue.Queue[str], channel: str) -> dict[str, Any]:
        while (message := json.loads(heard.get(timeout=30)))["channel"] != channel:
            pass
        return message

    def test_it_is_told_of_orders_and_that_all_is_well(
        self, client: WSUserClient, coinbase_trader: CoinbaseTrader, heard: queue.Queue[str]
    ) -> None:
        client.user(product_ids=["BTC-USD"])
        client.heartbeats()
        assert self.next_of(heard, "user")["events"][0]["type"] == "snapshot"
        order_id = coinbase_trader.place(quote_size="100")

        orders = [order_of(self.next_of(heard, "user")) for _ in range(2)]

        assert [(order["order_id"], order["status"]) for order in orders] == [
            (order_id, "PENDING"),
            (order_id, "FILLED"),
        ]
        assert self.next_of(heard, "heartbeats")["events"][0]["heartbeat_counter"] == 1

    def test_of_a_normal_close_it_dies_without_a_word(
        self, coinbase: Paper, client: WSUserClient, coinbase_trader: CoinbaseTrader, heard: queue.Queue[str]
    ) -> None:
        client.user(product_ids=["BTC-USD"])
        self.next_of(heard, "user")

        assert coinbase.post("/sockets", {"kind": "close", "account": coinbase_trader.name})["struck"] == 1
        coinbase_trader.trade("SELL", base_size="0.001")

        with pytest.raises(queue.Empty):
            heard.get(timeout=1)
        client.raise_background_exception()
