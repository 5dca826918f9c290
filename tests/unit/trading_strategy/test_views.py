"""A history candle by candle: each view is what a feed would have told at that moment."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np
import pytest

from bot.trading_strategy import (
    Action,
    Candles,
    Gap,
    Position,
    Strategy,
    StrategySettings,
    exponential_moving_average,
    relative_strength_index,
    strategy_named,
    strategy_names,
)
from tests.unit.simulation.series import seeded_rows
from tests.unit.trading_strategy.series import MINUTE, SYMBOL, candles_of, committed, own_rows, rows_of

every_strategy = pytest.mark.parametrize("strategy", [pytest.param(strategy_named(n), id=n) for n in strategy_names()])

WITH_GAPS = [
    row for number, row in enumerate(rows_of([100.0 + number % 7 for number in range(40)])) if number % 13 != 5
]


@pytest.mark.parametrize("count", [1, 5, 6, 20, len(WITH_GAPS)])
def test_a_view_is_what_the_first_candles_alone_would_be(count: int) -> None:
    alone, view = committed(WITH_GAPS[:count]), committed(WITH_GAPS).until(count)

    assert view.frame.equals(alone.frame)
    assert view.close.equals(alone.close)
    assert view.closes.tolist() == alone.closes.tolist()
    assert (view.symbol, view.interval_s, len(view)) == (alone.symbol, alone.interval_s, len(alone))
    assert (view.last_time, view.closed_at, view.last_close) == (alone.last_time, alone.closed_at, alone.last_close)
    assert (view.gaps, view.notes, list(view.times)) == (alone.gaps, alone.notes, list(alone.times))
    assert [view.gap_within(number) for number in range(1, 50)] == [alone.gap_within(number) for number in range(1, 50)]
    assert view.now == view.closed_at


def test_a_gap_is_known_once_the_candle_after_it_is() -> None:
    candles = committed(WITH_GAPS)

    assert candles.until(5).gaps == ()
    assert candles.until(6).gaps == (Gap(WITH_GAPS[4][0], 1),)


def test_a_view_of_a_view_is_a_view() -> None:
    candles = committed(WITH_GAPS)

    assert candles.until(20).until(7).frame.equals(candles.until(7).frame)
    with pytest.raises(IndexError):
        candles.until(20).until(21)


@pytest.mark.parametrize("count", [0, -1, 41])
def test_there_are_no_others(count: int) -> None:
    with pytest.raises(IndexError, match="of 40 candles"):
        candles_of([100.0] * 40).until(count)


def test_candles_still_forming_are_told_of_by_the_whole_only() -> None:
    rows = rows_of([100.0] * 5)
    candles = Candles.from_rows(SYMBOL, MINUTE, rows, rows[-1][0] + 1)

    assert candles.notes == ("left out 1 still forming",)
    assert candles.until(4).notes == candles.notes
    assert candles.until(3).notes == ()


@pytest.mark.parametrize("function", [relative_strength_index, exponential_moving_average])
@pytest.mark.parametrize("period", [2, 9, 21])
def test_an_indicator_of_a_view_is_that_of_the_candles_alone(function, period: int) -> None:
    whole = committed(own_rows()[:-1])

    for count in range(1, len(whole) + 1, 7):
        alone = function(whole.close.iloc[:count], period).to_numpy()
        assert np.array_equal(whole.until(count).indicator(function, period), alone, equal_nan=True)


def test_what_views_share_cannot_be_written_to() -> None:
    candles = candles_of([100.0, 101.0, 102.0])

    for shared in (candles.closes, candles.indicator(exponential_moving_average, 2)):
        with pytest.raises(ValueError, match="read-only"):
            shared[0] = 1.0


def test_candles_closed_by_a_moment_are_counted() -> None:
    candles = committed(WITH_GAPS)
    closings = [opening + MINUTE for opening in candles.times]

    for moment in (
        0.0,
        closings[0] - 0.5,
        closings[0],
        closings[7] + 1,
        closings[-1],
        closings[-1] + 1e6,
        float("inf"),
    ):
        assert candles.count_until(moment) == sum(closing <= moment for closing in closings)
    assert candles.until(5).count_until(closings[-1]) == 5


@every_strategy
@pytest.mark.parametrize("window", [300, 720])
def test_a_window_of_what_a_venue_gives_decides_as_the_whole_past(strategy: Strategy, window: int) -> None:
    rows, settings = seeded_rows(1500, seed=3), StrategySettings()
    candles = Candles.from_rows(SYMBOL, 900, rows, rows[-1][0] + 900)
    positions: dict[str, Position] = {}
    acts = 0

    for count in range(settings.minimum_candles, len(candles) + 1):
        view = candles.until(count)
        whole = strategy.decide(view, positions, settings)
        if whole.action is not Action.HOLD or count % 9 == 0:
            seen = Candles.from_rows(SYMBOL, 900, rows[max(count - window, 0) : count], view.now)
            # Action, candle, shares, and every digit of the reasons.
            assert strategy.decide(seen, positions, settings) == whole
        if whole.action is Action.BUY:
            positions = {SYMBOL: Position(Decimal(1), view.last_close, view.now)}
        elif whole.action is Action.SELL:
            positions = {}
        acts += whole.action is not Action.HOLD
    assert acts > 20


@every_strategy
@pytest.mark.benchmark
def test_every_candle_of_a_long_history_has_its_turn_in_no_time(strategy: Strategy) -> None:
    rows = seeded_rows(20_000)
    candles = Candles.from_rows(SYMBOL, 900, rows, rows[-1][0] + 900)
    settings, began = StrategySettings(), time.process_time()
    held = {SYMBOL: Position(Decimal(1), Decimal(60_000), float(rows[100][0]))}

    for count in range(1, len(candles) + 1):
        strategy.decide(candles.until(count), held if count % 2 else {}, settings)

    # Its cost does not grow with the past: checking and computing anew takes hundreds of times as long.
    assert time.process_time() - began < 20
