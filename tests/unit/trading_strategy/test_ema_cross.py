"""EMA 9 crosses EMA 21; each side by a series made for it."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from bot.trading_strategy import Action, Position, strategy_named
from tests.unit.trading_strategy.series import BRIEF, SYMBOL, candles_of

EMA_CROSS = strategy_named("ema_cross")

#: The fast EMA crosses above the slow one with the 7th candle up.
DIP = [100.0] * 30 + [99.0, 98, 97, 96, 95]


@pytest.mark.parametrize(
    ("candles_up", "action"),
    [(6, "hold"), (7, "buy"), (8, "hold")],
    ids=["before the cross", "with the cross", "after the cross"],
)
def test_entry_comes_with_the_cross_only(candles_up: int, action: str) -> None:
    closes = DIP + [96.0 + number for number in range(candles_up)]

    assert EMA_CROSS.decide(candles_of(closes), {}, BRIEF).action == action


def test_the_reason_has_both_averages() -> None:
    bought = EMA_CROSS.decide(candles_of(DIP + [96.0 + number for number in range(7)]), {}, BRIEF)
    held = EMA_CROSS.decide(candles_of(DIP), {SYMBOL: Position(Decimal(1))}, BRIEF)

    assert bought.reasons == ("EMA 9 99.402844 is above EMA 21 99.076854, crossed with the last candle",)
    assert held.reasons[0].startswith("EMA 9 97.")
    assert " is not above EMA 21 98." in held.reasons[0]


def test_the_periods_are_settings() -> None:
    closes = [*DIP, 96.0, 97.0, 98.0]

    assert EMA_CROSS.decide(candles_of(closes), {}, BRIEF).action is Action.HOLD
    faster = dataclasses.replace(BRIEF, ema_period=2, slow_ema_period=5)
    assert EMA_CROSS.decide(candles_of(closes), {}, faster).action is Action.BUY
