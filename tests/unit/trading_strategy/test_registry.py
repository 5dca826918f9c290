"""A strategy is found by the name of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.errors import SettingsError
from bot.trading_strategy import Action, StrategySettings, strategies, strategy_named, strategy_names
from tests.unit.trading_strategy.series import candles_of

BUY_ALWAYS = """
from bot.trading_strategy.decision import Decision

def decide(candles, positions, settings):
    return Decision.buy(candles, settings.balance_share, "always")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A further folder of strategies."""
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path)])
    return tmp_path


def test_the_bots_own() -> None:
    assert strategy_names() == ("ema_cross", "rsi_ema")


@pytest.mark.parametrize("name", strategy_names())
def test_each_is_found_and_decides(name: str) -> None:
    decision = strategy_named(name).decide(candles_of([100.0, 101.0]), {}, StrategySettings())

    assert (decision.action, decision.reasons) == (Action.HOLD, ("only 2 of 100 candles",))


def test_one_more_is_one_file(folder: Path) -> None:
    (folder / "buy_always.py").write_text(BUY_ALWAYS, encoding="utf-8")

    decision = strategy_named("buy_always").decide(candles_of([100.0]), {}, StrategySettings())

    assert (decision.action, decision.reasons) == (Action.BUY, ("always",))
    assert strategy_names() == ("buy_always", "ema_cross", "rsi_ema")


def test_a_file_that_decides_nothing_is_named(folder: Path) -> None:
    (folder / "empty_file.py").write_text("", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"^strategy .empty_file.: its file has no function decide$"):
        strategy_named("empty_file")


@pytest.mark.parametrize("name", ["rsi", "", "rsi_ema.decide", "..registry", "os"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        strategy_named(name)

    assert str(caught.value) == f"strategy {name!r}: no such strategy; there are ema_cross, rsi_ema"
