"""In when the fast EMA crosses above the slow one; out when it crosses below, on stop-loss and on take-profit."""

from __future__ import annotations

from collections.abc import Mapping

from bot.trading_strategy.candles import Candles
from bot.trading_strategy.decision import Decision, Position
from bot.trading_strategy.indicators import exponential_moving_average
from bot.trading_strategy.rules import crossed_above, crossed_below, figure, without_indicators
from bot.trading_strategy.settings import StrategySettings


def decide(candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> Decision:
    """What to do with the candles' symbol."""
    decided = without_indicators(candles, positions, settings)
    if decided is not None:
        return decided
    fast = candles.indicator(exponential_moving_average, settings.ema_period)
    slow = candles.indicator(exponential_moving_average, settings.slow_ema_period)
    place = "above" if fast[-1] > slow[-1] else "not above"
    text = f"EMA {settings.ema_period} {figure(fast[-1])} is {place} EMA {settings.slow_ema_period} {figure(slow[-1])}"
    position = positions.get(candles.symbol)
    if position is None and crossed_above(fast, slow):
        return Decision.buy(candles, settings.balance_share, f"{text}, crossed with the last candle")
    if position is not None and settings.sell_on_ema_cross and crossed_below(fast, slow, candles, position):
        return Decision.sell(candles, f"{text}, crossed since the entry")
    return Decision.hold(candles, text)
