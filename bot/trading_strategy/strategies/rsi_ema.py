"""RSI 9 turns up from oversold while the price holds above EMA 9; out when overbought or below EMA 9.

Entry, all of them: the RSI was at or below ``oversold`` within the ``turn_candles`` candles before the last, is above
it now, rising, and not yet overbought; the close is above the EMA. Exit, any of them: stop-loss, take-profit, RSI at
or above ``overbought``, the close crossed below the EMA.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan
from typing import Any

from bot.domain.money import shown
from bot.trading_strategy.candles import Candles
from bot.trading_strategy.decision import Decision, Position
from bot.trading_strategy.indicators import exponential_moving_average, relative_strength_index
from bot.trading_strategy.rules import crossed_below, figure, without_indicators
from bot.trading_strategy.settings import StrategySettings


def decide(candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> Decision:
    """What to do with the candles' symbol."""
    decided = without_indicators(candles, positions, settings)
    if decided is not None:
        return decided
    rsi = candles.indicator(relative_strength_index, settings.rsi_period)
    ema = candles.indicator(exponential_moving_average, settings.ema_period)
    position = positions.get(candles.symbol)
    return _entry(candles, rsi, ema, settings) if position is None else _exit(candles, rsi, ema, position, settings)


def _entry(candles: Candles, rsi: Any, ema: Any, settings: StrategySettings) -> Decision:
    now, before = float(rsi[-1]), float(rsi[-2])
    of_late = rsi[-1 - settings.turn_candles : -1].tolist()
    lowest = min((value for value in of_late if not isnan(value)), default=nan)
    strength, place = _strength(now, settings), _place(candles, ema, settings)
    # As a float: NaN, which is an RSI that there is not yet, compares as False there, and raises with a Decimal.
    oversold = float(settings.oversold)
    if not lowest <= oversold:
        return Decision.hold(candles, f"{strength}, was not oversold ({settings.oversold:f}) of late", place)
    if not (now > oversold and now > before):
        return Decision.hold(candles, f"{strength}, has not turned up from oversold ({settings.oversold:f})", place)
    if _is_overbought(now, settings):
        return Decision.hold(candles, f"{strength}, is overbought ({settings.overbought:f}) already", place)
    turned = f"{strength}, turned up from {lowest:.1f}"
    if not candles.closes[-1] > ema[-1]:
        return Decision.hold(candles, turned, place)
    return Decision.buy(candles, settings.balance_share, turned, place)


def _exit(candles: Candles, rsi: Any, ema: Any, position: Position, settings: StrategySettings) -> Decision:
    now = float(rsi[-1])
    strength, place = _strength(now, settings), _place(candles, ema, settings)
    if _is_overbought(now, settings):
        return Decision.sell(candles, f"{strength}, is overbought ({settings.overbought:f})")
    if settings.sell_on_ema_cross and crossed_below(candles.closes, ema, candles, position):
        return Decision.sell(candles, f"{place}, crossed since the entry")
    return Decision.hold(candles, strength, place)


def _is_overbought(rsi: float, settings: StrategySettings) -> bool:
    return settings.overbought is not None and rsi >= float(settings.overbought)


def _strength(rsi: float, settings: StrategySettings) -> str:
    text = "undefined, the price never moved" if isnan(rsi) else f"{rsi:.1f}"
    return f"RSI {settings.rsi_period} is {text}"


def _place(candles: Candles, ema: Any, settings: StrategySettings) -> str:
    place = "above" if candles.closes[-1] > ema[-1] else "not above"
    return f"close {shown(candles.last_close)} is {place} EMA {settings.ema_period} {figure(ema[-1])}"
