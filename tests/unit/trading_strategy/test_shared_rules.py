"""What every strategy does alike: when it may buy, when it must sell, and when it waits."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from bot.trading_strategy import Action, Candles, Decision, Position, Strategy, strategy_named
from tests.unit.trading_strategy.series import (
    BRIEF,
    MINUTE,
    SYMBOL,
    candles_of,
    committed,
    just_closed,
    rows_of,
)

#: The last candle makes the strategy buy.
TO_BUY = {
    "rsi_ema": [100.0, 101.0] * 12 + [100.0, 99, 98, 97, 96, 95, 94, 93, 97],
    "ema_cross": [100.0] * 30 + [99.0, 98, 97, 96, 95, 96, 97, 98, 99, 100, 101, 102],
}
#: The last candle falls below the line whose cross is sold; the price stays near 100.
TO_SELL = {
    "rsi_ema": [100.0, 101.0] * 12 + [101.0, 101.5, 100.2],
    "ema_cross": [100.0] * 30 + [101.0, 102, 103, 104, 105, 104, 103, 102, 101, 100, 99, 98],
}
#: Nothing happens: the price swings around 100.5.
QUIET = [100.0, 101.0] * 13

every_strategy = pytest.mark.parametrize(
    ("name", "strategy"), [pytest.param(name, strategy_named(name), id=name) for name in TO_BUY]
)


def position(entry: str | None = None, opened_at: float | None = None) -> dict[str, Position]:
    return {SYMBOL: Position(Decimal(1), None if entry is None else Decimal(entry), opened_at)}


def others(count: int) -> dict[str, Position]:
    return {f"COIN{number}-USD": Position(Decimal(1)) for number in range(count)}


@every_strategy
class TestEntries:
    def test_the_share_of_the_balance_is_the_settings(self, name: str, strategy: Strategy) -> None:
        settings = dataclasses.replace(BRIEF, balance_share=Decimal("0.07"))

        decision = strategy.decide(candles_of(TO_BUY[name]), {}, settings)

        assert (decision.action, decision.balance_share) == (Action.BUY, Decimal("0.07"))

    def test_it_comes_once(self, name: str, strategy: Strategy) -> None:
        closes = TO_BUY[name]

        assert strategy.decide(candles_of(closes[:-1]), {}, BRIEF).action is Action.HOLD

    def test_what_is_held_is_not_bought_again(self, name: str, strategy: Strategy) -> None:
        assert strategy.decide(candles_of(TO_BUY[name]), position(), BRIEF).action is Action.HOLD

    @pytest.mark.parametrize(("held", "action"), [(0, "buy"), (2, "buy"), (3, "hold"), (4, "hold")])
    def test_max_positions_counts_all_symbols(self, name: str, strategy: Strategy, held: int, action: str) -> None:
        decision = strategy.decide(candles_of(TO_BUY[name]), others(held), BRIEF)

        assert decision.action == action
        if action == "hold":
            assert decision.reasons == (f"{held} of at most 3 positions are open",)

    def test_a_gap_among_the_candles_that_count_bars_it(self, name: str, strategy: Strategy) -> None:
        rows = rows_of([TO_BUY[name][0]] * 4 + TO_BUY[name])
        counted, early = rows[-10], rows[1]

        barred = strategy.decide(committed([row for row in rows if row is not counted]), {}, BRIEF)
        free = strategy.decide(committed([row for row in rows if row is not early]), {}, BRIEF)

        assert (barred.action, barred.reasons) == (
            Action.HOLD,
            (f"1 candles are missing after {counted[0] - MINUTE}",),
        )
        assert free.action is Action.BUY

    def test_too_few_candles_bar_it(self, name: str, strategy: Strategy) -> None:
        closes = TO_BUY[name]
        enough = dataclasses.replace(BRIEF, minimum_candles=len(closes))
        more = dataclasses.replace(BRIEF, minimum_candles=len(closes) + 1)

        assert strategy.decide(candles_of(closes), {}, enough).action is Action.BUY
        assert strategy.decide(candles_of(closes), {}, more).reasons == (
            f"only {len(closes)} of {len(closes) + 1} candles",
        )

    def test_a_price_that_never_moved_does_nothing(self, name: str, strategy: Strategy) -> None:
        for held in ({}, position("100")):
            assert strategy.decide(candles_of([100.0] * 40), held, BRIEF).action is Action.HOLD


@every_strategy
class TestStopLossAndTakeProfit:
    @pytest.mark.parametrize(
        ("entry", "reason"),
        [
            ("201.99999999", None),
            ("202", "stop-loss: close 101.0 is at or below 101.0, entry 202"),
            ("100", "take-profit: close 101.0 is at or above 101.00, entry 100"),
            ("100.00000001", None),
        ],
        ids=["just above the stop", "at the stop", "at the target", "just below the target"],
    )
    def test_they_are_exact_shares_of_the_entry_price(
        self, name: str, strategy: Strategy, entry: str, reason: str | None
    ) -> None:
        settings = dataclasses.replace(BRIEF, stop_loss=Decimal("0.5"), take_profit=Decimal("0.01"))

        decision = strategy.decide(candles_of(QUIET), position(entry), settings)

        if reason is None:
            assert decision.action is Action.HOLD
        else:
            assert (decision.action, decision.reasons) == (Action.SELL, (reason,))
            assert decision.position_fraction == 1

    @pytest.mark.parametrize(("setting", "entry"), [("stop_loss", "150"), ("take_profit", "50")])
    def test_each_can_be_switched_off(self, name: str, strategy: Strategy, setting: str, entry: str) -> None:
        off: dict[str, Any] = {setting: None}

        assert strategy.decide(candles_of(QUIET), position(entry), BRIEF).action is Action.SELL
        held = strategy.decide(candles_of(QUIET), position(entry), dataclasses.replace(BRIEF, **off))

        assert held.action is Action.HOLD

    def test_neither_applies_without_an_entry_price(self, name: str, strategy: Strategy) -> None:
        assert strategy.decide(candles_of(QUIET), position(), BRIEF).action is Action.HOLD

    def test_a_gap_or_a_single_candle_keeps_nobody_in(self, name: str, strategy: Strategy) -> None:
        rows = rows_of(QUIET)

        for each in (rows[-1:], rows[:-5] + rows[-4:]):
            assert strategy.decide(committed(each), position("150"), BRIEF).action is Action.SELL

    def test_candles_that_closed_before_the_entry_do_not_count(self, name: str, strategy: Strategy) -> None:
        candles = candles_of(QUIET)
        closed = candles.closed_at

        def decide(opened_at: float) -> Decision:
            return strategy.decide(candles, position("150", opened_at), BRIEF)

        assert decide(closed - 1).action is Action.SELL
        for opened_at in (closed, closed + 1.0):
            assert decide(opened_at).reasons == (f"no candle closed since the entry at {opened_at:.0f}",)

    def test_an_entry_time_of_the_future_keeps_nobody_in(self, name: str, strategy: Strategy) -> None:
        candles = candles_of(QUIET)
        milliseconds = candles.now * 1000

        assert strategy.decide(candles, position("150", milliseconds), BRIEF).action is Action.SELL


@every_strategy
class TestCrossBelow:
    def test_it_is_sold_with_the_candle_that_crosses(self, name: str, strategy: Strategy) -> None:
        closes = TO_SELL[name]

        before = strategy.decide(candles_of(closes[:-1]), position(), BRIEF)
        crossed = strategy.decide(candles_of(closes), position(), BRIEF)

        assert before.action is Action.HOLD
        assert (crossed.action, crossed.position_fraction) == (Action.SELL, 1)
        assert crossed.reasons[0].endswith(", crossed since the entry")

    def test_what_bars_an_entry_does_not_bar_it(self, name: str, strategy: Strategy) -> None:
        rows = rows_of([TO_SELL[name][0]] * 4 + TO_SELL[name])
        full = others(BRIEF.max_positions) | position()

        gap = strategy.decide(committed(rows[:8] + rows[9:]), full, BRIEF)

        assert gap.action is Action.SELL

    def test_an_entry_time_of_the_future_is_none(self, name: str, strategy: Strategy) -> None:
        candles = candles_of(TO_SELL[name])

        assert strategy.decide(candles, position(None, candles.now * 1000), BRIEF).action is Action.SELL

    def test_it_can_be_switched_off(self, name: str, strategy: Strategy) -> None:
        settings = dataclasses.replace(BRIEF, sell_on_ema_cross=False)

        assert strategy.decide(candles_of(TO_SELL[name]), position(), settings).action is Action.HOLD

    def test_one_that_nobody_saw_counts_while_the_price_stays_below(self, name: str, strategy: Strategy) -> None:
        rows = rows_of([*TO_SELL[name], TO_SELL[name][-1], TO_SELL[name][-1] - 0.3])
        crossing = rows[-3]

        def decide(opened_at: float | None) -> Action:
            return strategy.decide(committed(rows), position(None, opened_at), BRIEF).action

        assert decide(crossing[0] + MINUTE - 1) is Action.SELL
        assert decide(0) is Action.SELL
        # bought below the line, after the cross: there was none since
        assert decide(crossing[0] + MINUTE) is Action.HOLD
        assert decide(None) is Action.HOLD

    def test_one_that_was_taken_back_does_not_count(self, name: str, strategy: Strategy) -> None:
        closes = [*TO_SELL[name], TO_SELL[name][-1] + 8]

        settings = dataclasses.replace(BRIEF, overbought=None)

        assert strategy.decide(candles_of(closes), position(None, 0), settings).action is Action.HOLD


def test_a_decision_names_the_candle_that_decided() -> None:
    rows = rows_of(QUIET)
    candles = Candles.from_rows(SYMBOL, MINUTE, rows, just_closed(rows[:-1]))

    decision = strategy_named("rsi_ema").decide(candles, {}, BRIEF)

    assert (decision.symbol, decision.candle_time) == (SYMBOL, rows[-2][0])
