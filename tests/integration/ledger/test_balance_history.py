"""How balances went on: one row an account and quarter of an hour, the last look at it."""

from __future__ import annotations

from decimal import Decimal

from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import DAIVON, MASTER, SetClock

QUARTER_S = 900


def look(ledger: Ledger, balance: str | None, equity: str | None, *, connected: bool = True) -> None:
    amounts = [None if amount is None else Decimal(amount) for amount in (balance, equity)]
    ledger.record_account(DAIVON, connected, "connected", *amounts)
    assert ledger.flush(30)


def test_of_each_quarter_hour_the_last_look_is_kept(ledger: Ledger, clock: SetClock) -> None:
    begun = clock.now = clock.now // QUARTER_S * QUARTER_S + 10
    look(ledger, "1000", "1500")
    clock.now += 300
    look(ledger, "900.5", "1500.25")
    clock.now += QUARTER_S
    look(ledger, "900.5", None)

    rows = ledger.views.balance_history(0)

    assert [(row.account, row.at, row.balance, row.equity) for row in rows] == [
        (DAIVON, begun + 300, Decimal("900.5"), Decimal("1500.25")),
        (DAIVON, begun + 300 + QUARTER_S, Decimal("900.5"), None),
    ]
    assert len(ledger.views.balance_history(begun + 301)) == 1


def test_an_account_that_does_not_answer_leaves_a_hole_and_no_zero(ledger: Ledger, clock: SetClock) -> None:
    look(ledger, "1000", "1500")
    clock.now += QUARTER_S
    look(ledger, None, None, connected=False)
    assert [row.balance for row in ledger.views.balance_history(0, DAIVON)] == [Decimal(1000)]
    assert ledger.views.balance_history(0, MASTER) == []
