"""What holds for every strategy, whatever the prices and positions."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.trading_strategy import Action, Candles, Position, Strategy, StrategySettings, strategy_named, strategy_names
from tests.unit.trading_strategy.series import (
    BRIEF,
    MINUTE,
    START,
    SYMBOL,
    Row,
    candles_of,
    committed,
    just_closed,
    own_rows,
    recorded_rows,
    rows_of,
)

every_strategy = pytest.mark.parametrize("strategy", [pytest.param(strategy_named(n), id=n) for n in strategy_names()])

#: Walks with long falls and steep turns, so that rules do apply.
moves = st.lists(st.sampled_from([-2.0, -1.0, -1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 4.0, 9.0]), min_size=1, max_size=60)
walks = moves.map(lambda steps: [1000.0 + sum(steps[:count]) for count in range(len(steps) + 1)])
held = st.builds(
    Position,
    st.decimals("0.001", 10, places=3),
    st.none() | st.decimals(950, 1050, places=1),
    st.none() | st.integers(START - MINUTE, START + 70 * MINUTE) | st.floats(allow_nan=False),
)
portfolios = st.dictionaries(st.sampled_from([SYMBOL, "ETH-USD", "SOL-USD", "XRP-USD"]), held)
brief = st.builds(lambda most: dataclasses.replace(BRIEF, max_positions=most), st.integers(1, 4))


@every_strategy
@given(closes=walks, positions=portfolios, given_settings=brief)
def test_nothing_is_bought_beyond_max_positions_or_on_top_and_nothing_sold_that_is_not_held(
    strategy: Strategy, closes: list[float], positions: dict[str, Position], given_settings: StrategySettings
) -> None:
    decision = strategy.decide(candles_of(closes), positions, given_settings)

    assert decision.symbol == SYMBOL
    if decision.action is Action.BUY:
        assert SYMBOL not in positions
        assert len(positions) < given_settings.max_positions
        assert decision.balance_share == given_settings.balance_share
    if decision.action is Action.SELL:
        assert SYMBOL in positions
        assert 0 < decision.position_fraction <= 1


@every_strategy
@given(closes=walks.filter(lambda closes: len(closes) < 24), entry_price=st.none() | st.just(Decimal(1000)))
def test_too_few_candles_decide_nothing_but_stop_loss_and_take_profit(
    strategy: Strategy, closes: list[float], entry_price: Decimal | None
) -> None:
    candles = candles_of(closes)
    few = f"only {len(closes)} of 24 candles"

    free, holding = (
        strategy.decide(candles, each, BRIEF) for each in ({}, {SYMBOL: Position(Decimal(1), entry_price)})
    )

    assert (free.action, free.reasons) == (Action.HOLD, (few,))
    if entry_price is None or 980 < closes[-1] < 1040:
        assert (holding.action, holding.reasons) == (Action.HOLD, (few,))
    else:
        assert holding.action is Action.SELL


@every_strategy
@settings(max_examples=50)
@given(
    closes=walks,
    positions=portfolios,
    forming=st.lists(st.floats() | st.none() | st.floats(1, 2000), min_size=5, max_size=5),
)
def test_the_forming_candle_is_ignored(
    strategy: Strategy, closes: list[float], positions: dict[str, Position], forming: list[float | None]
) -> None:
    rows = rows_of(closes)
    now = just_closed(rows)

    without = strategy.decide(Candles.from_rows(SYMBOL, MINUTE, rows, now), positions, BRIEF)
    with_it = strategy.decide(
        Candles.from_rows(SYMBOL, MINUTE, [*rows, (rows[-1][0] + MINUTE, *forming)], now), positions, BRIEF
    )

    assert with_it == without


def decisions(strategy: Strategy, rows: list[Row], feed_ahead: int) -> list[tuple[Action, int]]:
    """What is decided after each candle, where the feed tells ``feed_ahead`` candles more than have closed."""
    positions: dict[str, Position] = {}
    found = []
    for count in range(BRIEF.minimum_candles, len(rows) - 2):
        now = just_closed(rows[:count])
        candles = Candles.from_rows(SYMBOL, MINUTE, rows[: count + feed_ahead], now)
        decision = strategy.decide(candles, positions, BRIEF)
        found.append((decision.action, decision.candle_time))
        if decision.action is Action.BUY:
            positions = {SYMBOL: Position(Decimal(1), candles.last_close, now)}
        elif decision.action is Action.SELL:
            positions = {}
    return found


@every_strategy
def test_later_candles_change_no_earlier_decision(strategy: Strategy) -> None:
    rows = own_rows()

    alone = decisions(strategy, rows, feed_ahead=0)

    assert alone == decisions(strategy, rows, feed_ahead=1)
    assert [time for _, time in alone] == [row[0] for row in rows[BRIEF.minimum_candles - 1 : -3]]
    assert {action for action, _ in alone} == set(Action), "these candles must make each strategy act"


@every_strategy
def test_on_real_candles_each_buy_is_followed_by_its_sell(strategy: Strategy) -> None:
    acts = [
        action for action, _ in decisions(strategy, recorded_rows()[:260], feed_ahead=1) if action is not Action.HOLD
    ]

    assert len(acts) >= 4
    assert acts[::2] == [Action.BUY] * len(acts[::2])
    assert acts[1::2] == [Action.SELL] * len(acts[1::2])


@every_strategy
def test_the_same_input_gives_the_same_decision(strategy: Strategy) -> None:
    rows = own_rows()[:-1]

    first, second = (strategy.decide(committed(rows), {}, BRIEF) for _ in range(2))

    assert first == second
