"""A master that trades by hand, and a bot that is killed again and again: nothing is lost, nothing comes twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from bot.cli.books import differences
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId, is_own_name
from bot.ledger.entry import open_views
from bot.ledger.rows import SignalRow
from tests.e2e.house import PATIENCE_S, House
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KRAKEN = BrokerType.KRAKEN
MASTER = AccountId.master(KRAKEN)
WATCHED = "trades by hand are watched"


@pytest.fixture
def watching(house: House) -> House:
    house.variables |= {
        "WATCH_MASTER": "true",
        "WATCH_POLL_S": "1",
        "KRAKEN_WS_URL": house.paper.socket_urls["kraken"],
        # Proven absent soon after a kill.
        "ORDER_DEADLINE_S": "2",
        "ORDER_SETTLE_S": "0.5",
    }
    return house


def by_hand(house: House, side: str, volume: str) -> dict[str, Any]:
    order = {"account": house.logins["master"].name, "symbol": "BTC-USD", "type": "market"}
    placed: dict[str, Any] = house.paper.post("/orders", {**order, "side": side, "volume": volume})
    return placed


def signals(house: House) -> list[SignalRow]:
    with closing(open_views(f"sqlite:///{house.ledger}")) as views:
        return list(reversed(views.recent_signals(10_000)))


def unsettled(house: House, orders: int) -> list[object]:
    """What of the orders by hand is no signal yet, and the copies that have not ended."""
    if not house.ledger.exists():
        return ["there is no ledger"]
    hand = [order for order in house.orders("master") if not is_own_name(order["client_order_id"] or "")]
    with closing(open_views(f"sqlite:///{house.ledger}")) as views:
        covered = views.covered(MASTER, [order["order_id"] for order in hand])
        found: list[object] = [
            f"{row.user_id} {row.side} {row.quantity} attempt {row.attempt} leg {row.leg} {row.state}: {row.reason}"
            for row in views.open_copies()
        ]
    found += [order for order in hand if covered[order["order_id"]] != Decimal(order["executed"])]
    return found + [f"{len(hand)} of {orders} orders"] * (len(hand) != orders)


def wait_until_settled(house: House, orders: int, seconds: float = PATIENCE_S) -> None:
    try:
        eventually(lambda: not unsettled(house, orders), seconds)
    except AssertionError:
        assert unsettled(house, orders) == []


def assert_exactly_once(house: House) -> None:
    reached: dict[str, Decimal] = {}
    for row in signals(house):
        assert row.filled_before == reached.get(row.order_id, Decimal(0)), row
        reached[row.order_id] = row.filled_before + row.size
    names = {one.name: who for who, one in house.logins.items()}
    orders = [{**order, "account": names[order["account"]]} for who in house.logins for order in house.orders(who)]
    with closing(open_views(f"sqlite:///{house.ledger}")) as views:
        _, found = differences(views, {"orders": orders})
    assert found == []


def test_a_hand_and_a_command_beside_each_other(watching: House) -> None:
    with watching.bot() as bot:
        bot.wait_until_said(WATCHED)
        by_hand(watching, "buy", "0.01")
        bot.wait_until_said("traded by hand: BUY")
        assert watching.run("trade", "buy", "BTC-USD", "--usd", "300").code == 0
        by_hand(watching, "sell", "0.005")
        wait_until_settled(watching, 2)
    assert [row.by_hand for row in signals(watching)] == [True, False, True]
    shown = watching.run("signals").out
    assert (shown.count("by hand"), shown.count("by the bot")) == (2, 1)
    assert [row["by_hand"] for row in watching.run("signals", "--json").json] == [True, False, True]
    assert_exactly_once(watching)
    check = watching.run("ledger", "check", "--json")
    assert check.code == 0, check
    assert sum(row["by_hand_orders"] for row in check.json["accounts"]) == 2


@pytest.mark.timeout(480)
def test_a_bot_that_is_killed_again_and_again_loses_no_trade_by_hand_and_copies_none_twice(watching: House) -> None:
    chance, placed, stop = random.Random(11), [0], threading.Event()

    def trade() -> None:
        held = Decimal(0)
        # The slower the machine, the longer it goes on: no more than what can be asked for again afterwards.
        while placed[0] < 60 and not stop.wait(chance.uniform(0.1, 0.6)):
            sells = held > Decimal("0.002") and chance.random() < 0.4
            volume = Decimal("0.002") if sells else Decimal("0.001")
            by_hand(watching, "sell" if sells else "buy", str(volume))
            held += -volume if sells else volume
            placed[0] += 1

    # The watch has to have begun once: what was before it is nobody's business.
    with watching.bot() as bot:
        bot.wait_until_said(WATCHED)
    hand = threading.Thread(target=trade)
    hand.start()
    try:
        for _ in range(4):
            running = watching.begin("run")
            running.wait_until_said(WATCHED)
            time.sleep(chance.uniform(0.0, 1.5))
            running.stop(signal.SIGKILL)
    finally:
        stop.set()
        hand.join()
    with watching.bot() as bot:
        bot.wait_until_said(WATCHED)
        # By Kraken's limits each exit that never left takes two looks, some eleven seconds; a kill may leave a dozen.
        wait_until_settled(watching, placed[0], 240)
    assert placed[0] > 20
    assert_exactly_once(watching)
