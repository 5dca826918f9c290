"""RSI 9 turns up from oversold above EMA 9; each condition by a series made for it."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from bot.trading_strategy import Action, Position, relative_strength_index, strategy_named
from tests.unit.trading_strategy.series import BRIEF, SYMBOL, candles_of

RSI_EMA = strategy_named("rsi_ema")

#: Ends with an RSI of 20.8, oversold for four candles, and an EMA of 96.25.
FALL = [100.0, 101.0] * 12 + [100.0, 99, 98, 97, 96, 95, 94, 93]
RISE = [100.0, 101.0] * 12 + [101.0, 102, 103, 104, 105]


def last_rsi(closes: list[float]) -> Decimal:
    return Decimal(str(float(relative_strength_index(candles_of(closes).close).iloc[-1])))


@pytest.mark.parametrize(
    ("then", "action", "reasons"),
    [
        pytest.param(
            [97],
            "buy",
            ("RSI 9 is 47.2, turned up from 20.8", "close 97.0 is above EMA 9 96.403477"),
            id="up at once",
        ),
        pytest.param(
            [94, 95, 97.5],
            "buy",
            ("RSI 9 is 52.3, turned up from 20.8", "close 97.5 is above EMA 9 96.014225"),
            id="oversold three candles ago",
        ),
        pytest.param(
            [94, 95, 96, 95.9, 97.5],
            "hold",
            ("RSI 9 is 54.1, was not oversold (30) of late", "close 97.5 is above EMA 9 96.101104"),
            id="oversold too long ago",
        ),
        pytest.param(
            [],
            "hold",
            ("RSI 9 is 20.8, has not turned up from oversold (30)", "close 93.0 is not above EMA 9 96.254346"),
            id="falling still",
        ),
        pytest.param(
            [94],
            "hold",
            ("RSI 9 is 29.6, has not turned up from oversold (30)", "close 94.0 is not above EMA 9 95.803477"),
            id="turned but oversold still",
        ),
        pytest.param(
            [95],
            "hold",
            ("RSI 9 is 36.7, turned up from 20.8", "close 95.0 is not above EMA 9 96.003477"),
            id="turned below the EMA",
        ),
        pytest.param(
            [94.5, 96.5, 96.4],
            "hold",
            ("RSI 9 is 45.6, has not turned up from oversold (30)", "close 96.4 is above EMA 9 96.098225"),
            id="turning down again",
        ),
        pytest.param(
            [120],
            "hold",
            ("RSI 9 is 81.9, is overbought (70) already", "close 120.0 is above EMA 9 101.00348"),
            id="overbought at once",
        ),
    ],
)
def test_entry(then: list[float], action: str, reasons: tuple[str, ...]) -> None:
    decision = RSI_EMA.decide(candles_of([*FALL, *then]), {}, BRIEF)

    assert (decision.action, decision.reasons) == (action, reasons)


def test_an_rsi_that_was_never_oversold_buys_nothing() -> None:
    decision = RSI_EMA.decide(candles_of([100.0, 101.0] * 13), {}, BRIEF)

    assert decision.action is Action.HOLD
    assert decision.reasons[0] == "RSI 9 is 53.3, was not oversold (30) of late"


def test_oversold_and_the_candles_of_a_turn_are_settings() -> None:
    up_at_once, slowly = candles_of([*FALL, 97]), candles_of([*FALL, 94, 95, 96, 95.9, 97.5])

    deeper = RSI_EMA.decide(up_at_once, {}, dataclasses.replace(BRIEF, oversold=Decimal(20)))
    longer = RSI_EMA.decide(slowly, {}, dataclasses.replace(BRIEF, turn_candles=5, minimum_candles=26))

    assert (deeper.action, longer.action) == (Action.HOLD, Action.BUY)


def test_an_rsi_at_the_limit_is_oversold() -> None:
    lowest = last_rsi(FALL)

    at, below = (
        RSI_EMA.decide(candles_of([*FALL, 97]), {}, dataclasses.replace(BRIEF, oversold=limit))
        for limit in (lowest, lowest - Decimal("0.000001"))
    )

    assert (at.action, below.action) == (Action.BUY, Action.HOLD)


@pytest.mark.parametrize("held", [{}, {SYMBOL: Position(Decimal(1))}], ids=["free", "held"])
def test_the_periods_are_settings(held: dict[str, Position]) -> None:
    settings = dataclasses.replace(BRIEF, rsi_period=14, ema_period=5)
    closes = [100.0, 101.0] * 13

    strength, place = RSI_EMA.decide(candles_of(closes), held, settings).reasons

    # With a swing of one for ever, RSI 14 would come down to 14/27 (51.9) after a step up, from 15/28 (53.6) after the
    # first one, and EMA 5 to 100.6; RSI 9 is 53.3 here and EMA 9 100.56.
    assert strength.startswith("RSI 14 is 52.7")
    assert place.startswith("close 101.0 is above EMA 5 100.6")


def test_an_oversold_rsi_after_a_price_that_never_moved_buys_nothing() -> None:
    """TA-Lib's RSI reads 0 there, and 100 after the first step up."""
    decision = RSI_EMA.decide(candles_of([100.0] * 40 + [100.1]), {}, dataclasses.replace(BRIEF, overbought=None))

    assert (decision.action, decision.reasons[0]) == (Action.HOLD, "RSI 9 is 100.0, was not oversold (30) of late")


def test_a_price_that_never_moved_has_no_rsi() -> None:
    decision = RSI_EMA.decide(candles_of([100.0] * 40), {}, BRIEF)

    assert decision.reasons == (
        "RSI 9 is undefined, the price never moved, was not oversold (30) of late",
        "close 100.0 is not above EMA 9 100",
    )


HELD = {SYMBOL: Position(Decimal(1))}


class TestOverbought:
    def test_is_sold_at_once_and_as_a_whole(self) -> None:
        decision = RSI_EMA.decide(candles_of(RISE), HELD, BRIEF)

        assert (decision.action, decision.position_fraction) == (Action.SELL, 1)
        assert decision.reasons == ("RSI 9 is 72.2, is overbought (70)",)

    def test_is_no_matter_below_the_limit(self) -> None:
        assert RSI_EMA.decide(candles_of(RISE[:-1]), HELD, BRIEF).action is Action.HOLD

    def test_begins_at_the_limit(self) -> None:
        highest = last_rsi(RISE)

        at, below = (
            RSI_EMA.decide(candles_of(RISE), HELD, dataclasses.replace(BRIEF, overbought=limit)).action
            for limit in (highest, highest + Decimal("0.000001"))
        )

        assert (at, below) == (Action.SELL, Action.HOLD)

    @pytest.mark.parametrize("limit", [None, Decimal(80)], ids=["off", "higher"])
    def test_is_a_setting(self, limit: Decimal | None) -> None:
        settings = dataclasses.replace(BRIEF, overbought=limit)

        assert RSI_EMA.decide(candles_of(RISE), HELD, settings).action is Action.HOLD
