"""A master's coins against its last trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.copying.resync.masters import MasterStanding, master_standings
from bot.domain.enums import Side
from bot.domain.orders import AccountBalances
from tests.unit.copying.resync.rows import ANNA, MASTER, Recorded

LATER = 10_000.0


def standing(recorded: Recorded, coins: Any, at: float = LATER) -> MasterStanding:
    balances = None if coins is None else AccountBalances({"BTC": Decimal(coins)}, at=at)
    (found,) = master_standings(recorded.signals, lambda _: balances)
    return found


@pytest.fixture
def recorded() -> Recorded:
    """The master had one bitcoin and bought a tenth."""
    made = Recorded(position=Decimal(1))
    made.signal(Side.BUY, "0.1")
    return made


@pytest.mark.parametrize(
    ("coins", "moved"), [("1.1", "0"), ("1.0995", "0"), ("0.9", "-0.2"), ("1.6", "0.5"), ("0", "-1.1")]
)
def test_coins_that_moved_without_a_trade_are_named(recorded: Recorded, coins: str, moved: str) -> None:
    assert standing(recorded, coins).moved == Decimal(moved)


def test_what_is_not_known_is_not_nothing(recorded: Recorded) -> None:
    found = standing(recorded, None)
    assert (found.after_trade, found.now, found.moved) == (Decimal("1.1"), None, None)


def test_balances_from_before_the_trade_tell_nothing(recorded: Recorded) -> None:
    assert standing(recorded, "1", at=recorded.signals[-1].planned_at).now is None


def test_a_position_that_was_not_known_is_not_compared() -> None:
    recorded = Recorded()
    recorded.signal(Side.SELL, "0.1", position_before=None)
    found = standing(recorded, "1")
    assert (found.after_trade, found.now, found.moved) == (None, Decimal(1), None)


def test_the_last_trade_of_a_coin_counts_in_whatever_currency(recorded: Recorded) -> None:
    recorded.signal(Side.SELL, "0.1", symbol="BTC-USDC")
    recorded.signal(Side.BUY, "5", master=ANNA)
    found = standing(recorded, "1")
    assert (found.master, found.base, found.after_trade, found.moved) == (MASTER, "BTC", Decimal(1), 0)
