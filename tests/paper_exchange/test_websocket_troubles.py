"""What a test can do to connections: silence, cuts, lost and repeated updates, delays, refusals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.paper_exchange.client import Paper, Trader, eventually
from tests.paper_exchange.websocket_client import HEARTBEAT, listening


@pytest.fixture(autouse=True)
def _healed(paper: Paper) -> Iterator[None]:
    yield
    paper.delete("/sockets")


def trouble(paper: Paper, kind: str, **more: Any) -> int:
    return paper.post("/sockets", {"kind": kind, **more})["struck"]


def of(paper: Paper, trader: Trader) -> list[dict[str, Any]]:
    return [row for row in paper.get("/sockets") if trader.name in row["accounts"]]


def test_the_open_connections_are_listed(paper: Paper, trader: Trader) -> None:
    with listening(paper) as listener:
        listener.subscribe(trader)
        listener.subscribe(trader, "balances")
        trader.market("buy", "0.01")
        listener.updates(6)
        (row,) = of(paper, trader)

    assert (row["venue"], row["silent"]) == ("kraken", False)
    assert row["channels"] == {"executions": 5, "balances": 3}
    assert row["sent"] >= 11
    eventually(lambda: not of(paper, trader))


def test_of_a_connection_that_is_gone_nothing_is_left(paper: Paper, trader: Trader) -> None:
    with listening(paper) as listener:
        listener.subscribe(trader)
        listener.subscribe(trader, "balances")
        assert paper.account(trader)["subscriptions"] == 2
    with listening(paper) as listener:
        eventually(lambda: paper.account(trader)["subscriptions"] == 0)
        listener.subscribe(trader)
        trouble(paper, "drop", account=trader.name)
        eventually(lambda: paper.account(trader)["subscriptions"] == 0)


class TestSilence:
    def test_for_a_while_nothing_is_sent_and_then_what_came_up(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            assert trouble(paper, "silence", account=trader.name, seconds=2.5) == 1
            trader.market("buy", "0.01")

            assert listener.says_nothing(1.3)
            assert [update["sequence"] for update in listener.updates(4)] == [2, 3, 4, 5]

    def test_for_good_the_connection_stays_and_says_nothing(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "silence", account=trader.name)
            listener.send("ping")

            assert not listener.connection.ping().wait(0.3)
            assert listener.says_nothing(1.3)
            assert [row["silent"] for row in of(paper, trader)] == [True]

    def test_a_new_connection_is_not_silent(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as silent, listening(paper) as other:
            silent.subscribe(trader)
            trouble(paper, "silence", account=trader.name)
            other.subscribe(trader)
            trader.market("buy", "0.01")

            assert len(other.updates(4)) == 4
            assert silent.says_nothing(0.2)

    def test_it_can_be_ended_early(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "silence", account=trader.name)
            trader.market("buy", "0.01")
            paper.delete("/sockets")

            assert len(listener.updates(4)) == 4
            assert listener.connection.ping().wait(30)


class TestDrop:
    def test_the_connection_ends_without_a_word(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            assert trouble(paper, "drop", account=trader.name) == 1

            with pytest.raises(ConnectionClosedError) as caught:
                listener.hear()
            assert caught.value.rcvd is None
        eventually(lambda: not of(paper, trader))

    def test_whoever_comes_back_is_told_what_was_missed(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "drop", account=trader.name)
            with pytest.raises(ConnectionClosedError):
                listener.hear()
        order_id = trader.market("buy", "0.01")
        with listening(paper) as listener:
            (row,) = listener.subscribe(trader, snap_trades=True)["data"]

        assert (row["order_id"], row["exec_type"]) == (order_id, "trade")

    def test_while_new_ones_are_refused_nobody_comes_back(self, paper: Paper) -> None:
        trouble(paper, "refuse", seconds=0.5)

        with pytest.raises(InvalidStatus) as caught, listening(paper):
            pass
        assert caught.value.response.status_code == 503

        def comes_back() -> bool:
            try:
                with listening(paper):
                    return True
            except InvalidStatus:
                return False

        assert eventually(comes_back)

    def test_refusing_for_good_ends_when_it_is_told_to(self, paper: Paper) -> None:
        trouble(paper, "refuse")
        with pytest.raises(InvalidStatus), listening(paper):
            pass
        paper.delete("/sockets")

        with listening(paper) as listener:
            assert listener.ask("ping")["method"] == "pong"


class TestNumbers:
    def test_updates_are_lost_and_their_numbers_with_them(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "skip", account=trader.name, count=2)
            trader.market("buy", "0.01")
            updates = listener.updates(2)

        assert [update["sequence"] for update in updates] == [4, 5]
        assert [update["data"][0]["exec_type"] for update in updates] == ["trade", "filled"]

    def test_answers_and_heartbeats_are_not_lost(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "skip", account=trader.name)

            assert listener.ask("ping")["method"] == "pong"
            assert listener.hear_anything(3) == HEARTBEAT

    def test_updates_come_twice(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "repeat", account=trader.name, count=3)
            trader.market("buy", "0.01")
            updates = listener.updates(7)

        assert [update["sequence"] for update in updates] == [2, 2, 3, 3, 4, 4, 5]
        assert updates[4] == updates[5]


class TestDelay:
    def test_messages_are_late_and_in_order(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "delay", account=trader.name, seconds=0.5)
            started = time.monotonic()
            trader.market("buy", "0.01")

            assert [update["sequence"] for update in listener.updates(4)] == [2, 3, 4, 5]
            assert 0.4 < time.monotonic() - started < 20

    def test_it_holds_for_a_new_connection_until_it_is_set_to_nothing(self, paper: Paper, trader: Trader) -> None:
        trouble(paper, "delay", account=trader.name, seconds=2)
        with listening(paper) as listener:
            started = time.monotonic()
            listener.subscribe(trader)
            assert time.monotonic() - started > 1.9
            trouble(paper, "delay", account=trader.name, seconds=0)
            started = time.monotonic()
            listener.ask("ping")
            assert time.monotonic() - started < 1.9

    def test_of_several_the_last_one_counts(self, paper: Paper, trader: Trader) -> None:
        with listening(paper) as listener:
            listener.subscribe(trader)
            trouble(paper, "delay", seconds=30)
            trouble(paper, "delay", account=trader.name, seconds=0)
            assert listener.ask("ping")["method"] == "pong"
            trouble(paper, "delay", seconds=30)
            listener.send("ping")
            with pytest.raises(TimeoutError):
                listener.hear(0.5)


def test_each_strikes_the_accounts_that_it_names_only(paper: Paper) -> None:
    anna, bert = paper.open(name="socket.anna"), paper.open(name="socket.bert")
    with listening(paper) as annas, listening(paper) as berts:
        annas.subscribe(anna)
        berts.subscribe(bert)

        assert trouble(paper, "skip", account="socket.anna") == 1
        assert trouble(paper, "skip", account="socket.*") == 2
        anna.market("buy", "0.01")
        bert.market("buy", "0.01")

        assert [update["sequence"] for update in annas.updates(2)] == [4, 5]
        assert [update["sequence"] for update in berts.updates(3)] == [3, 4, 5]


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "earthquake"},
        {"kind": "skip", "count": 0},
        {"kind": "silence", "seconds": -1},
        {"kind": "drop", "who": 1},
    ],
    ids=["kind", "count", "seconds", "field"],
)
def test_what_cannot_be_is_refused(paper: Paper, body: dict[str, Any]) -> None:
    assert paper.refused("POST", "/sockets", body)[0] == 400
