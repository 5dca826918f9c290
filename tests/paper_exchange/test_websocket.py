"""The private WebSocket: connecting, subscribing, being refused, staying alive."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.paper_exchange.client import REPOSITORY, Paper, Trader, eventually, running
from tests.paper_exchange.websocket_client import HEARTBEAT, listening, parse, recorded, shape, token, url

SAMPLES = REPOSITORY.parent / "shared" / "samples" / "kraken"
TAKEN_FROM = {
    "status": "live_2026-09-25/ws_status.json",
    "executions_bad_token": "live_2026-09-25/ws_executions_bad_token.json",
    "public_on_private_host": "live_2026-09-25/ws_public_on_private_host.json",
    "executions_subscribed": "docs_examples/ws_executions_subscribe_ack.json",
    "executions_pending_new": "docs_examples/ws_executions_1_pending_new.json",
    "executions_new": "docs_examples/ws_executions_2_new.json",
    "executions_trade": "docs_examples/ws_executions_3_trade.json",
    "balances_update_trade_two_messages": "docs_examples/ws_balances_update_trade_two_messages.json",
}


def subscription(key: str, **more: object) -> dict[str, object]:
    return {"channel": "executions", "token": key, **more}


@pytest.mark.parametrize("name", sorted(TAKEN_FROM))
def test_the_shapes_of_these_tests_are_the_recorded_ones(name: str) -> None:
    path = SAMPLES / TAKEN_FROM[name]
    if not path.exists():
        pytest.skip("the recorded answers are not beside the repository")

    assert shape(recorded(name)) == shape(parse(path.read_text()))


class TestConnecting:
    def test_the_ready_line_says_where(self) -> None:
        command = [sys.executable, "-m", "paper_exchange", "--port", "0", "--control-port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            with connect(ready["kraken_ws_url"]) as connection:
                assert parse(connection.recv(timeout=30))["channel"] == "status"
        finally:
            process.terminate()
            process.wait(timeout=30)

        assert ready["kraken_ws_url"] == ready["kraken_url"].replace("http", "ws") + "/v2/private"

    def test_the_status_comes_first(self, paper: Paper) -> None:
        paper.patch("/settings", system_status="post_only")

        with connect(url(paper)) as connection:
            said = parse(connection.recv(timeout=30))

        assert shape(said) == shape(recorded("status"))
        assert said["data"][0]["system"] == "post_only"

    def test_the_path_of_the_venue_itself_is_taken_too(self, paper: Paper) -> None:
        with listening(paper, "/v2") as listener:
            assert listener.ask("ping")["method"] == "pong"

    def test_another_path_is_not_found(self, paper: Paper) -> None:
        with pytest.raises(InvalidStatus) as caught:
            connect(url(paper, "/v1"))

        assert caught.value.response.status_code == 404

    def test_another_venue_does_not_have_it(self, paper: Paper) -> None:
        with pytest.raises(InvalidStatus) as caught:
            connect(paper.coinbase_url.replace("http", "ws") + "/v2/private")

        assert caught.value.response.status_code == 404

    def test_the_exchange_ends_at_once_all_the_same(self) -> None:
        with running() as paper, listening(paper) as listener:
            listener.subscribe(paper.open())
            started = time.monotonic()
            paper.process.terminate()

            assert paper.process.wait(timeout=30) == 0
            assert time.monotonic() - started < 20


class TestStayingAlive:
    def test_a_ping_is_answered(self, paper: Paper) -> None:
        with listening(paper) as listener:
            pong = listener.ask("ping", req_id=7)

            assert shape(pong) == shape(recorded("pong"))
            assert pong["req_id"] == 7
            assert "req_id" not in listener.ask("ping")

    def test_a_ping_of_the_protocol_is_answered(self, paper: Paper) -> None:
        with listening(paper) as listener:
            assert listener.connection.ping().wait(30)

    def test_heartbeats_come_every_second_when_nothing_else_does(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            started = time.monotonic()
            listener.subscribe(trader)
            assert [listener.hear_anything() for _ in range(2)] == [HEARTBEAT] * 2

            assert 2 <= time.monotonic() - started < 20

    def test_an_update_is_as_good_as_a_heartbeat(self, paper: Paper, trader: Trader) -> None:
        def is_quiet_after_an_update() -> bool:
            with listening(paper) as listener:
                listener.subscribe(trader)
                time.sleep(0.6)
                trader.limit("buy", "0.01", "40000")
                listener.reports(2)
                is_quiet = listener.says_nothing(0.6)
                assert listener.hear_anything() == HEARTBEAT
                return is_quiet

        # A machine that stands still for a moment may hear the next one too early; never each time.
        assert any(is_quiet_after_an_update() for _ in range(5))

    def test_without_a_subscription_there_are_none(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            assert listener.says_nothing(1.3)
            listener.subscribe(trader)
            assert listener.ask("unsubscribe", params=subscription(token(trader)))["success"] is True
            assert listener.says_nothing(1.3)


class TestSubscribing:
    def test_it_is_acknowledged(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            answer = listener.ask(
                "subscribe", params=subscription(token(trader), snap_orders=True, snap_trades=True), req_id=3
            )

        assert answer.pop("req_id") == 3
        expected = recorded("executions_subscribed")
        assert shape(answer) == shape(expected)
        assert answer["result"] == expected["result"]

    def test_the_rate_is_the_tiers(self, paper: Paper) -> None:
        trader = paper.open(tier="Pro")
        with listening(paper) as listener:
            answer = listener.ask("subscribe", params=subscription(token(trader)))

        assert answer["result"]["maxratecount"] == 180

    def test_without_a_snapshot_the_first_update_has_the_first_number(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.ask("subscribe", params=subscription(token(trader), snap_orders=False))
            trader.market("buy", "0.01")

            assert [update["sequence"] for update in listener.updates(4)] == [1, 2, 3, 4]

    def test_twice_on_one_connection_is_refused(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            answer = listener.ask("subscribe", params=subscription(token(trader)))

        assert (answer["success"], answer["error"]) == (False, "Already subscribed")

    def test_after_unsubscribing_nothing_comes_until_it_is_subscribed_anew(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            answer = listener.ask("unsubscribe", params=subscription(token(trader)), req_id=9)
            trader.limit("buy", "0.01", "40000")
            snapshot = listener.subscribe(trader)

        assert (answer["method"], answer["result"], answer["success"]) == (
            "unsubscribe",
            {"channel": "executions"},
            True,
        )
        assert (snapshot["type"], snapshot["sequence"], len(snapshot["data"])) == ("snapshot", 1, 1)

    def test_what_was_not_subscribed_cannot_be_unsubscribed(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            answer = listener.ask("unsubscribe", params=subscription(token(trader)))

        assert (answer["success"], answer["error"]) == (False, "Subscription Not Found")

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("no json", "Malformed request"),
            ("[1]", "Malformed request"),
            ('{"method": "add_order"}', "Unsupported method"),
            ("{}", "Unsupported method"),
            ('{"method": ["ping"]}', "Unsupported method"),
            ('{"method": "subscribe"}', "Unsupported channel"),
            ('{"method": "subscribe", "params": [1]}', "Unsupported channel"),
            ('{"method": "subscribe", "params": {"channel": "nothing"}}', "Unsupported channel"),
        ],
        ids=["text", "list", "add_order", "no method", "odd method", "no params", "odd params", "no such channel"],
    )
    def test_what_makes_no_sense_is_refused_and_harms_nothing(self, paper: Paper, text: str, error: str) -> None:
        with listening(paper) as listener:
            listener.connection.send(text)
            answer = listener.hear()

            assert (answer["success"], answer["error"]) == (False, error)
            assert listener.ask("ping")["method"] == "pong"

    def test_a_public_channel_is_elsewhere(self, paper: Paper) -> None:
        with listening(paper) as listener:
            answer = listener.ask("subscribe", params={"channel": "ticker", "symbol": ["BTC/USD"]})

        expected = recorded("public_on_private_host")
        assert shape(answer) == shape(expected)
        assert answer["error"] == expected["error"]


class TestTokens:
    @pytest.mark.parametrize("given", ["wrong", "", None, 7], ids=["wrong", "empty", "null", "number"])
    def test_a_bad_one_is_refused(self, paper: Paper, given: object) -> None:
        with listening(paper) as listener:
            answer = listener.ask("subscribe", params={"channel": "executions", "token": given})

        expected = recorded("executions_bad_token")
        assert shape(answer) == shape(expected)
        assert {**answer, "time_in": "", "time_out": ""} == {**expected, "time_in": "", "time_out": ""}

    def test_it_must_be_used_within_a_quarter_of_an_hour(self, paper: Paper, trader: Trader) -> None:
        early, late = token(trader), token(trader)
        with listening(paper) as listener:
            paper.patch("/settings", clock_offset_s=890)
            assert listener.ask("subscribe", params=subscription(early))["success"] is True
        with listening(paper) as listener:
            paper.patch("/settings", clock_offset_s=910)
            assert listener.ask("subscribe", params=subscription(late))["error"] == "ESession:Invalid session"

    def test_once_used_it_lives_with_the_connection(self, paper: Paper, trader: Trader) -> None:
        used = token(trader)
        with listening(paper) as listener:
            listener.ask("subscribe", params=subscription(used, snap_orders=False))
            paper.patch("/settings", clock_offset_s=1000)

            again = listener.ask("subscribe", params={"channel": "balances", "token": used, "snapshot": False})
            assert again["success"] is True
            assert listener.ask("unsubscribe", params=subscription(used))["success"] is True
        with listening(paper) as listener:
            assert listener.ask("subscribe", params=subscription(used))["error"] == "ESession:Invalid session"

    def test_of_a_revoked_key_it_is_worth_nothing(self, paper: Paper, trader: Trader) -> None:
        made = token(trader)
        paper.patch(f"/accounts/{trader.name}", enabled=False)

        with listening(paper) as listener:
            assert listener.ask("subscribe", params=subscription(made))["error"] == "ESession:Invalid session"

    def test_a_key_without_the_permission_gets_none(self, paper: Paper) -> None:
        trader = paper.open(permissions=["query-funds"])

        assert trader.error("GetWebSocketsToken") == "EGeneral:Permission denied"

    def test_a_channel_needs_the_permission_to_read_it(self, paper: Paper) -> None:
        trader = paper.open(permissions=["query-funds", "create-ws-token"])

        with listening(paper) as listener:
            answer = listener.ask("subscribe", params=subscription(token(trader)))
            assert (answer["success"], answer["error"]) == (False, "EGeneral:Permission denied")
            assert listener.subscribe(trader, "balances")["type"] == "snapshot"

    def test_another_accounts_does_not_unsubscribe(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            answer = listener.ask("unsubscribe", params=subscription(token(paper.open())))

        assert answer["error"] == "ESession:Invalid session"


class TestBalances:
    def test_the_snapshot(self, paper: Paper) -> None:
        trader = paper.open({"USD": "100.5", "BTC": "0.25"})
        with listening(paper) as listener:
            snapshot = listener.subscribe(trader, "balances")

        expected = recorded("balances_snapshot")
        assert shape(snapshot) == shape(expected)
        assert {row["asset"]: row["balance"] for row in snapshot["data"]} == {
            row["asset"]: row["balance"] for row in expected["data"]
        }

    def test_a_trade_has_two_legs_under_one_reference(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader, "balances")
            order = trader.order(trader.market("sell", "0.01"))
            updates = listener.updates(2)

        assert [shape(update) for update in updates] == shape(recorded("balances_update_trade_two_messages"))
        assert [update["sequence"] for update in updates] == [2, 3]
        rows = {update["data"][0]["asset"]: update["data"][0] for update in updates}
        assert {row["ref_id"] for row in rows.values()} == set(order["trades"])
        assert f"{rows['BTC']['balance']:f}" == trader.result("Balance")["XXBT"]
        assert f"{rows['USD']['balance']:f}" == trader.result("Balance")["ZUSD"]

    def test_a_deposit(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader, "balances")
            paper.patch(f"/accounts/{trader.name}", balances={"USD": "100010"})
            (row,) = listener.reports(1)

        assert (row["type"], row["category"], row["asset"], row["amount"]) == ("deposit", "deposit", "USD", 10)


def test_fifty_listeners_all_hear_everything(paper: Paper) -> None:
    trader = paper.open({"USD": "1000000"})
    with ExitStack() as stack, ThreadPoolExecutor(50) as pool:
        listeners = [stack.enter_context(listening(paper)) for _ in range(50)]
        for listener in listeners:
            listener.subscribe(trader)
        for _ in range(20):
            trader.market("buy", "0.0001")
        heard = list(pool.map(lambda listener: [one["sequence"] for one in listener.updates(80)], listeners))

    assert heard == [list(range(2, 82))] * 50


def test_rest_and_socket_share_the_port(paper: Paper) -> None:
    with listening(paper):
        assert requests.get(f"{paper.kraken_url}/0/public/Time", timeout=30).json()["error"] == []
        assert eventually(lambda: len(paper.get("/sockets?venue=kraken")) == 1)
    eventually(lambda: paper.get("/sockets") == [])
