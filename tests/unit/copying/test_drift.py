"""Coins that copying bought and that are gone are written off, once that is certain, and never on a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from bot.copying.drift import Drift
from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId, SignalId
from bot.domain.orders import AccountBalances
from tests.unit.copying.builders import DAIVON, ENTRY, TANIA, a_report, an_order
from tests.unit.copying.desk import Desk

BTC = "BTC-USD"


@dataclass
class Holding:
    """An account and the balances that its venue gave last."""

    account: AccountId
    settled_balances: AccountBalances | None = None


class DriftDesk(Desk):
    """Tania has copied 0.002 BTC."""

    def __init__(self) -> None:
        super().__init__({(TANIA, BTC): Decimal("0.002")})
        self._bought(ENTRY, BTC)
        self.tania = Holding(TANIA)
        self.drift = Drift(self.ledger, self.coins, self.clock, lambda: [Holding(DAIVON), self.tania])

    def _bought(self, signal: Any, symbol: str) -> None:
        one = replace(signal, symbol=symbol, order_id=f"O-{symbol}", signal_id=SignalId(""))
        run = self.plan(one, self.copy_of(one, state=OrderState.SUBMITTING))
        self.write(self.order(run), OrderState.ACCEPTED, OrderState.FILLED)

    def see(self, available: Any, seconds: float = 5.0, **more: Any) -> None:
        """Some time on, the venue gives these coins."""
        self.clock.advance(seconds)
        amounts = available if isinstance(available, dict) else {"BTC": available}
        coins = {code: Decimal(str(amount)) for code, amount in amounts.items()}
        self.tania.settled_balances = AccountBalances({"USD": Decimal(5), **coins}, at=self.clock.time(), **more)
        self.drift.look()

    def left(self) -> tuple[Decimal, Decimal]:
        """What copying still has: in memory and in the ledger."""
        return self.coins.confirmed(TANIA, BTC), self.ledger.copied_coins().get((TANIA, BTC), Decimal(0))


@pytest.fixture
def desk() -> Iterator[DriftDesk]:
    desk = DriftDesk()
    yield desk
    desk.close()


def test_what_is_missing_for_ten_seconds_is_written_off_in_memory_and_in_the_ledger(desk: DriftDesk) -> None:
    for _ in range(2):
        desk.see("0.0015")
        assert desk.left() == (Decimal("0.002"), Decimal("0.002")), "it may only trail"
    desk.see("0.0015")
    assert desk.left() == (Decimal("0.0015"), Decimal("0.0015"))
    (adjustment,) = desk.ledger.views.coin_adjustments()
    assert (adjustment.account, adjustment.symbol, adjustment.quantity) == (TANIA, BTC, Decimal("0.0005"))
    assert "by hand" in adjustment.reason
    for _ in range(5):
        desk.see("0.0015")
    assert len(desk.ledger.views.coin_adjustments()) == 1


def test_coins_that_come_back_in_between_were_only_late(desk: DriftDesk) -> None:
    desk.see("0")
    desk.see("0")
    desk.see("0.002")
    desk.see("0")
    desk.see("0")
    assert desk.left() == (Decimal("0.002"), Decimal("0.002"))


def test_the_same_answer_looked_at_for_long_is_one_answer(desk: DriftDesk) -> None:
    desk.see("0")
    for _ in range(100):
        desk.clock.advance(1)
        desk.drift.look()
    assert desk.left() == (Decimal("0.002"), Decimal("0.002"))


def test_balances_that_are_not_had_write_nothing_off(desk: DriftDesk) -> None:
    desk.see("0")
    desk.tania.settled_balances = None
    for _ in range(100):
        desk.clock.advance(1)
        desk.drift.look()
    assert desk.left() == (Decimal("0.002"), Decimal("0.002"))


@pytest.mark.parametrize(
    "more",
    [{"held": {"BTC": Decimal("0.002")}}, {"earning": {"BTC": Decimal("0.002")}}],
    ids=["in an open order", "earning"],
)
def test_coins_that_are_bound_are_not_gone(desk: DriftDesk, more: dict[str, Any]) -> None:
    for _ in range(10):
        desk.see("0", **more)
    assert desk.left() == (Decimal("0.002"), Decimal("0.002"))


def test_more_than_copying_bought_is_the_users_own(desk: DriftDesk) -> None:
    for _ in range(10):
        desk.see("3")
    assert desk.left() == (Decimal("0.002"), Decimal("0.002"))
    assert desk.ledger.views.coin_adjustments() == []


def test_the_last_digits_are_rounding(desk: DriftDesk) -> None:
    for _ in range(10):
        desk.see("0.00199995")
    assert desk.ledger.views.coin_adjustments() == []


def test_a_coin_that_was_bought_in_two_symbols_is_counted_once(desk: DriftDesk) -> None:
    desk._bought(ENTRY, "BTC-USDT")
    desk.coins.close(replace(an_order(), symbol="BTC-USDT"), a_report("0.002"))
    for _ in range(4):
        desk.see("0.003")
    gone = {row.symbol: row.quantity for row in desk.ledger.views.coin_adjustments()}
    assert sum(gone.values()) == Decimal("0.001")


def test_while_the_ledger_is_away_nothing_is_taken_off_and_afterwards_it_is(
    desk: DriftDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Decimal:
        raise LedgerUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, "write_off", away)
        for _ in range(5):
            desk.see("0")
        assert desk.left() == (Decimal("0.002"), Decimal("0.002"))
    desk.see("0")
    assert desk.left() == (0, 0)


def test_a_clock_that_is_set_forward_makes_nothing_certain(desk: DriftDesk) -> None:
    desk.see("0.0015")
    desk.clock.step_wall(3600)
    desk.see("0.0015", seconds=1.0)
    assert desk.left() == (Decimal("0.002"), Decimal("0.002"))
