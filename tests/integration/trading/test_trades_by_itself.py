"""Candles make the strategy buy and sell for the master, and its users follow."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app import CopyTradingSystem
from bot.domain.ids import AccountId
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.rows import CopyRow, SignalRow
from bot.runtime.clock import FastClock, SystemClock
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.integration.copying.house import MASTER, SYMBOL, House
from tests.paper_exchange.client import Paper, running

MINUTES = 5
#: Market seconds a second: a candle takes three.
SPEED = 100
HISTORY = 120
PATIENCE_S = 90.0


def closes() -> list[float]:
    """Up and down a little, a long fall that goes on after the start, a jump, and a rise until nobody believes it."""
    flat = [50_000 + 20 * (number % 3 - 1) for number in range(HISTORY - 14)]
    fallen = [flat[-1] * (1 - 0.001) ** number for number in range(1, 14 + 8)]
    risen = [fallen[-1] * 1.008 * 1.004**number for number in range(12)]
    later = [risen[-1]] * (2 * HISTORY - len(flat) - len(fallen) - len(risen))
    return flat + fallen + risen + later


@pytest.fixture
def replayed(tmp_path: Path) -> Iterator[Paper]:
    """An exchange that plays these candles."""
    path = tmp_path / "candles.csv"
    prices = closes()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "open", "high", "low", "close", "volume", "symbol"])
        for number, (opened, close) in enumerate(zip([prices[0], *prices], prices, strict=False)):
            at = 1_789_948_800 + number * 60 * MINUTES
            highest, lowest = max(opened, close), min(opened, close)
            writer.writerow([at, *(f"{price:.1f}" for price in (opened, highest, lowest, close)), "3", SYMBOL])
    with running("--prices", str(path), "--replay-speed", str(SPEED)) as paper:
        paper.patch("/settings", latency_ms=0)
        yield paper


@pytest.fixture
def house(replayed: Paper, tmp_path: Path) -> Iterator[House]:
    users = {"tania": {"USD": "5000"}, "daivon": {"USD": "1000"}, "solo": {"USD": "2000"}}
    alone = {"copy_from_master": False, "independent": True}
    variables = {"STRATEGY": "rsi_ema", "STRATEGY_SYMBOLS": SYMBOL}
    made = House(replayed, tmp_path, users, entries={"solo": alone}, variables=variables)
    yield made
    made.stop()


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def copies_of(house: House, signal: SignalRow) -> list[CopyRow]:
    return house.system.ledger.views.copies_of(signal.signal_id)


@pytest.mark.slow
def test_the_master_buys_and_sells_and_its_users_follow(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nija.trader")
    market = house.paper.get("/market-time")
    clock = FastClock(SystemClock(), market["started_at"], market["speed"])
    settings = house.settings()
    environment = settings.environment.model_copy(update={"strategy_candle_minutes": MINUTES})
    house._system = CopyTradingSystem(
        replace(settings, environment=environment),
        front_door_switches(),
        TradeSignalEmitter(),
        unattended=True,
        market_clock=clock,
    )

    house.system.start()
    eventually(lambda: [order["side"] for order in house.orders("master")] == ["buy", "sell"])
    eventually(lambda: all(len(house.orders(who)) == 2 for who in house.users))
    eventually(lambda: all(order["closed_at"] for who in house.logins for order in house.orders(who)))

    for who in house.logins:
        assert [order["side"] for order in house.orders(who)] == ["buy", "sell"]
        assert (house.copied(who), house.held(who)) == (Decimal(0), Decimal(0))
    bought, spent = (Decimal(house.orders("master")[0][name]) for name in ("executed", "cost"))
    assert spent == pytest.approx(500, abs=1)
    assert Decimal(house.orders("tania")[0]["executed"]) == pytest.approx(bought / 2, rel=Decimal("0.001"))
    assert Decimal(house.orders("solo")[0]["cost"]) == pytest.approx(100, abs=1)
    solo = AccountId("solo", MASTER.venue)
    assert [order.state for order in house.system.ledger.views.own_orders_of(solo)] == ["FILLED", "FILLED"]
    assert {copy.user_id for row in house.system.ledger.views.recent_signals(10) for copy in copies_of(house, row)} == {
        "tania",
        "daivon",
    }
    eventually(lambda: house.system.ledger.positions_of(MASTER) == {})
    said = [record.getMessage() for record in caplog.records if record.name == "nija.trader"]
    assert [line for line in said if "Skipping" in line] == [
        "⏭️ Skipping tania: copy trading active",
        "⏭️ Skipping daivon: copy trading active",
    ]
    # The master, and the user that trades by itself.
    assert sum("BUY BTC-USD: RSI 9 is" in line for line in said) == 2
    assert sum("SELL BTC-USD: " in line for line in said) == 2
