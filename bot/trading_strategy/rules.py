"""Rules that strategies share: what is decided without any indicator, and crosses of two lines."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.money import ONE, plain, shown
from bot.trading_strategy.candles import Candles
from bot.trading_strategy.decision import Decision, Position
from bot.trading_strategy.settings import StrategySettings


def without_indicators(
    candles: Candles, positions: Mapping[str, Position], settings: StrategySettings
) -> Decision | None:
    """What every strategy decides alike; None leaves it to its indicators, of which there are enough candles then.

    Not held: bought only while positions and candles allow it; what is held is never added to. Held: stop-loss and
    take-profit, which need no more than one candle that closed after the entry.
    """
    position = positions.get(candles.symbol)
    if position is not None:
        waits = _not_judged_yet(candles, position)
        if waits:
            return Decision.hold(candles, waits)
        price_reason = _price_exit(candles, position, settings)
        if price_reason:
            return Decision.sell(candles, price_reason)
    lacks = _too_few(candles, settings) or (_entry_barred(candles, positions, settings) if position is None else None)
    return Decision.hold(candles, lacks) if lacks else None


def crossed_below(line: Any, other: Any, candles: Candles, position: Position) -> bool:
    """Whether ``line`` (one value a candle) fell below ``other`` since the position was opened, and still is there.

    A cross that nobody saw, because the bot was down, counts; where the opening is not known, only the last candle's.
    """
    if not line[-1] < other[-1]:
        return False
    opened = candles.closed_at if position.opened_at is None else position.opened_at
    # The candle in which it was opened closed after the opening; the one before it is where a cross may begin.
    first = max(min(candles.count_until(opened), len(candles) - 1) - 1, 0)
    return bool((line[first:-1] >= other[first:-1]).any())


def crossed_above(line: Any, other: Any) -> bool:
    """Whether ``line`` (one value a candle) rose above ``other`` with the last candle."""
    return bool(line[-2] <= other[-2] and line[-1] > other[-1])


def figure(value: float) -> str:
    """An indicator's value for people: eight digits are enough, however small the price."""
    return plain(Decimal(f"{value:.8g}"))


def _too_few(candles: Candles, settings: StrategySettings) -> str | None:
    if len(candles) >= settings.minimum_candles:
        return None
    return f"only {len(candles)} of {settings.minimum_candles} candles"


def _entry_barred(candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> str | None:
    if len(positions) >= settings.max_positions:
        return f"{len(positions)} of at most {settings.max_positions} positions are open"
    gap = candles.gap_within(settings.minimum_candles)
    return None if gap is None else f"{gap.missing} candles are missing after {gap.after}"


def _not_judged_yet(candles: Candles, position: Position) -> str | None:
    opened = position.opened_at
    # Candles that closed before the entry say nothing about it. An opening well after the clock is a wrong one, and
    # must not keep a position for ever.
    if opened is not None and candles.closed_at <= opened <= candles.now + candles.interval_s:
        return f"no candle closed since the entry at {opened:.0f}"
    return None


def _price_exit(candles: Candles, position: Position, settings: StrategySettings) -> str | None:
    entry, close = position.entry_price, candles.last_close
    if entry is None:
        return None
    if settings.stop_loss is not None and close <= (stop := entry * (ONE - settings.stop_loss)):
        return f"stop-loss: close {shown(close)} is at or below {shown(stop)}, entry {shown(entry)}"
    if settings.take_profit is not None and close >= (target := entry * (ONE + settings.take_profit)):
        return f"take-profit: close {shown(close)} is at or above {shown(target)}, entry {shown(entry)}"
    return None
