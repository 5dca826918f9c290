"""Small simulations: a strategy that does as it is told, over given prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.enums import BrokerType
from bot.settings.users import UserSettings
from bot.simulation import SimulatedUser, Simulation, SimulationResult, simulate
from bot.trading_strategy import Candles, Decision, Position, StrategySettings
from tests.unit.simulation.series import QUARTER, START, SYMBOL

#: What is done at the close of a candle: above zero the share of the balance to buy for, below zero the part to sell.
Acts = Sequence[Decimal | None]


@dataclass
class Told:
    """Does one act a candle, by symbol, whatever the prices are."""

    acts: Mapping[str, Acts]

    def decide(self, candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> Decision:
        acts = self.acts.get(candles.symbol, ())
        act = acts[len(candles) - 1] if len(candles) <= len(acts) else None
        if act is None or (act < 0 and candles.symbol not in positions):
            return Decision.hold(candles, "nothing was told")
        if act > 0:
            return Decision.buy(candles, act, "told so")
        return Decision.sell(candles, "told so", position_fraction=-act)


def candles_of(closes: Sequence[float], symbol: str = SYMBOL) -> Candles:
    """Candles with these closes, a quarter of an hour each."""
    rows = [(START + number * QUARTER, close, close, close, close, 1.0) for number, close in enumerate(closes)]
    return Candles.from_rows(symbol, QUARTER, rows, rows[-1][0] + QUARTER)


def user(name: str, dollars: Any = 1000, venue: BrokerType = BrokerType.KRAKEN, **fields: Any) -> SimulatedUser:
    """A follower of Kraken's master; further fields are those of a users file."""
    entry = {"user_id": name, "venue": venue, "follow": BrokerType.KRAKEN, **fields}
    return SimulatedUser(UserSettings.model_validate(entry), Decimal(str(dollars)))


def played(closes: Sequence[float], acts: Acts, *users: SimulatedUser, **fields: Any) -> SimulationResult:
    """One symbol, and acts as told."""
    return simulate(Simulation({SYMBOL: candles_of(closes)}, Told({SYMBOL: acts}), users=users, **fields))
