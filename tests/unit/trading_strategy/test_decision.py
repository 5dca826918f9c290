"""A decision or a position that makes no sense cannot be made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.errors import InvalidAmount
from bot.trading_strategy import Action, Decision, Position
from tests.unit.trading_strategy.series import START, SYMBOL, candles_of

CANDLES = candles_of([100.0, 101.0])
TIME = START + 60


def test_a_buy_has_a_share_of_the_balance() -> None:
    decision = Decision.buy(CANDLES, Decimal("0.05"), "cheap", "rising")

    assert decision == Decision(Action.BUY, SYMBOL, TIME, ("cheap", "rising"), Decimal("0.05"), Decimal(0))


def test_a_sell_has_a_fraction_of_the_position() -> None:
    half = Decision.sell(CANDLES, "dear", position_fraction=Decimal("0.5"))

    assert half == Decision(Action.SELL, SYMBOL, TIME, ("dear",), Decimal(0), Decimal("0.5"))
    assert Decision.sell(CANDLES, "dear").position_fraction == 1


def test_a_hold_has_neither() -> None:
    assert Decision.hold(CANDLES, "quiet") == Decision(Action.HOLD, SYMBOL, TIME, ("quiet",), Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"action": Action.BUY}, "balance_share, must be above 0 and at most 1, was 0"),
        ({"action": Action.BUY, "balance_share": Decimal("1.1")}, "balance_share, must be above 0 and at most 1"),
        ({"action": Action.SELL}, "position_fraction, must be above 0 and at most 1, was 0"),
        ({"action": Action.SELL, "position_fraction": Decimal(2)}, "position_fraction, must be above 0 and at most 1"),
        ({"action": Action.HOLD, "balance_share": Decimal(1)}, "balance_share, this action has none, was 1"),
        ({"action": Action.HOLD, "position_fraction": Decimal(1)}, "position_fraction, this action has none, was 1"),
        ({"action": Action.HOLD, "reasons": ()}, "decision, a hold of BTC-USD gives no reason"),
        ({"action": Action.HOLD, "symbol": "BTCUSD"}, "symbol 'BTCUSD', expected BASE-QUOTE"),
    ],
    ids=[
        "a buy of nothing",
        "a buy of more than there is",
        "a sell of nothing",
        "a sell of more than there is",
        "a hold that buys",
        "a hold that sells",
        "no reason",
        "no symbol",
    ],
)
def test_a_senseless_decision(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        Decision(**{"symbol": SYMBOL, "candle_time": TIME, "reasons": ("because",)} | values)

    assert str(caught.value).startswith(f"invalid {fault}")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"quantity": Decimal(0)}, "position quantity, must be above zero, was 0"),
        ({"quantity": Decimal("NaN")}, "position quantity, was"),
        ({"quantity": Decimal(1), "entry_price": Decimal(-1)}, "position entry price, must be above zero, was -1"),
    ],
    ids=["nothing", "NaN", "a price below zero"],
)
def test_a_senseless_position(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        Position(**values)

    assert str(caught.value).startswith(f"invalid {fault}")
