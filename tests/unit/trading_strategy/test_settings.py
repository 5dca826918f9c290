"""Settings are checked when they are made, and a wrong one is named in one line."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.errors import SettingsError
from bot.trading_strategy import StrategySettings


def test_the_defaults_are_allowed() -> None:
    settings = StrategySettings()

    assert (settings.rsi_period, settings.ema_period) == (9, 9)
    assert (settings.oversold, settings.overbought) == (Decimal(30), Decimal(70))
    assert StrategySettings.from_mapping({}) == settings


def test_figures_of_any_kind_become_decimal() -> None:
    settings = StrategySettings.from_mapping({"oversold": "25.5", "overbought": 75, "stop_loss": 0.1})

    assert (settings.oversold, settings.overbought) == (Decimal("25.5"), Decimal(75))
    assert settings.stop_loss == Decimal("0.1")
    assert all(isinstance(value, Decimal) for value in (settings.oversold, settings.overbought, settings.stop_loss))


def test_exits_can_be_switched_off() -> None:
    settings = StrategySettings(overbought=None, stop_loss=None, take_profit=None, sell_on_ema_cross=False)

    assert (settings.overbought, settings.stop_loss, settings.take_profit) == (None, None, None)


def test_they_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        StrategySettings().max_positions = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"rsi_period": 1}, "rsi_period: must be a whole number from 2 to 200, was 1"),
        ({"rsi_period": 9.0}, "rsi_period: must be a whole number from 2 to 200, was 9.0"),
        ({"ema_period": True}, "ema_period: must be a whole number from 2 to 200, was True"),
        ({"ema_period": 201}, "ema_period: must be a whole number from 2 to 200, was 201"),
        ({"slow_ema_period": "21"}, "slow_ema_period: must be a whole number from 2 to 200, was '21'"),
        ({"slow_ema_period": 9}, "slow_ema_period: must be more than ema_period (9), was 9"),
        ({"oversold": 0}, "oversold: must be above 0 and below 100, was 0"),
        ({"oversold": "low"}, "oversold: must be above 0 and below 100, was 'low'"),
        ({"oversold": None}, "oversold: must be above 0 and below 100, was None"),
        ({"oversold": 70}, "overbought: must be above oversold (70) and below 100, was 70"),
        ({"overbought": 100}, "overbought: must be above oversold (30) and below 100, was 100"),
        ({"overbought": float("nan")}, "overbought: must be above oversold (30) and below 100, was nan"),
        ({"turn_candles": 0}, "turn_candles: must be a whole number from 1 to 200, was 0"),
        ({"sell_on_ema_cross": "no"}, "sell_on_ema_cross: must be true or false, was 'no'"),
        ({"stop_loss": Decimal(1)}, "stop_loss: must be a share above 0 and below 1, was 1"),
        ({"stop_loss": "-0.02"}, "stop_loss: must be a share above 0 and below 1, was '-0.02'"),
        ({"take_profit": Decimal("0.0")}, "take_profit: must be a share above 0, was 0.0"),
        ({"balance_share": "1.01"}, "balance_share: must be a share above 0 and at most 1, was '1.01'"),
        ({"balance_share": False}, "balance_share: must be a share above 0 and at most 1, was False"),
        ({"max_positions": 0}, "max_positions: must be a whole number of at least 1, was 0"),
        ({"minimum_candles": 23}, "minimum_candles: must be a whole number from 24 to 700, was 23"),
        ({"minimum_candles": 701}, "minimum_candles: must be a whole number from 24 to 700, was 701"),
        (
            {"minimum_candles": 200, "rsi_period": 200},
            "minimum_candles: must be a whole number from 204 to 700, was 200",
        ),
        ({"stop_los": 1}, "stop_los: no such setting, did you mean stop_loss?"),
    ],
    ids=lambda value: ",".join(f"{name}={each}" for name, each in value.items()) if isinstance(value, dict) else "",
)
def test_a_wrong_one_is_named(values: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        StrategySettings.from_mapping(values)

    assert str(caught.value) == f"strategy setting {line}"


def test_a_name_like_none_lists_those_that_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        StrategySettings.from_mapping({"xyz": 1})

    assert str(caught.value).startswith("strategy setting xyz: no such setting; there are rsi_period, ema_period, ")
