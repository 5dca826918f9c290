"""The same candles and the same settings: the same decisions live, on the paper exchange, as in a simulation."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bot.app import CopyTradingSystem
from bot.domain.enums import BrokerType, Side
from bot.kraken_copy_trading import front_door_switches
from bot.runtime.clock import FastClock, SystemClock
from bot.simulation import Simulation, read_candles, simulate
from bot.trade_signal_emitter import TradeSignalEmitter
from bot.trading_strategy import Candles, Decision, Position, StrategySettings, strategy_named
from tests.integration.copying.house import SYMBOL, House
from tests.paper_exchange.client import Paper, eventually, running

MINUTES = 5
CANDLE_S = 60 * MINUTES
#: A candle takes three seconds: Kraken's public calls are paced.
SPEED = 100
#: History, and as many candles to trade on.
HISTORY, LIVE = 60, 60
#: Candles that are compared.
COMPARED = 16
#: Crosses often, and asks nothing of the price that was paid.
STRATEGY = "ema_cross"
SETTINGS = {
    "ema_period": 2,
    "slow_ema_period": 4,
    "minimum_candles": 30,
    "stop_loss": None,
    "take_profit": None,
    "balance_share": "0.1",
}
FIRST = 1_789_948_800


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A price that goes up and down."""
    path, chance, price = tmp_path / "candles.csv", random.Random(5), 50_000.0
    with path.open("w", newline="", encoding="utf-8") as written:
        writer = csv.writer(written)
        writer.writerow(["time", "open", "high", "low", "close", "volume"])
        for number in range(HISTORY + LIVE):
            opened, price = price, price * (1 + chance.uniform(-0.004, 0.004))
            row = (opened, max(opened, price), min(opened, price), price)
            writer.writerow([FIRST + number * CANDLE_S, *(f"{value:.1f}" for value in row), "3"])
    return path


@pytest.fixture
def replayed(file: Path) -> Iterator[Paper]:
    with running("--prices", str(file), "--replay-speed", str(SPEED)) as paper:
        yield paper


class FromThen:
    """A strategy that was not there before a candle, as a bot that was started then."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._strategy = strategy_named(STRATEGY)

    def decide(self, candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> Decision:
        if candles.last_time < self._begin:
            return Decision.hold(candles, "not there yet")
        return self._strategy.decide(candles, positions, settings)


@pytest.mark.slow
def test_live_decides_as_simulated(replayed: Paper, file: Path, tmp_path: Path) -> None:
    market = replayed.get("/market-time")
    clock = FastClock(SystemClock(), market["started_at"], market["speed"])
    house = House(
        replayed,
        tmp_path,
        {"anna": {"USD": "5000"}},
        variables={
            "STRATEGY": STRATEGY,
            "STRATEGY_SYMBOLS": SYMBOL,
            "STRATEGY_CANDLE_MINUTES": str(MINUTES),
            "STRATEGY_SETTINGS": json.dumps(SETTINGS),
        },
    )
    system = house._system = CopyTradingSystem(
        house.settings(), front_door_switches(), TradeSignalEmitter(), unattended=True, market_clock=clock
    )
    try:
        system.start()
        # The candle that is forming now is the first one that it decides on when it closes.
        begin = clock.time() - market["shift"]
        end = begin + COMPARED * CANDLE_S
        eventually(lambda: clock.time() - market["shift"] > end + CANDLE_S, (COMPARED + 5) * CANDLE_S / SPEED)
        signals = list(reversed(system.ledger.views.recent_signals(100)))
    finally:
        house.stop()
    live = [
        (_candle(clock.of_machine(signal.timestamp) - market["shift"]), signal.side)
        for signal in signals
        if _candle(clock.of_machine(signal.timestamp) - market["shift"]) < end - CANDLE_S
    ]

    candles = read_candles(file, SYMBOL)
    settings = StrategySettings.from_mapping(SETTINGS)
    simulated = simulate(Simulation(candles, FromThen(_candle(begin)), settings, venue=BrokerType.KRAKEN))
    expected = [
        (trade.decision.candle_time, trade.signal.side)
        for trade in simulated.trades
        if trade.decision.candle_time < end - CANDLE_S
    ]

    assert len(expected) >= 4
    assert {side for _, side in expected} == {Side.BUY, Side.SELL}
    assert live == expected


def _candle(traded: float) -> int:
    """Opening of the candle that had closed last when something traded."""
    return int(traded // CANDLE_S * CANDLE_S - CANDLE_S)
