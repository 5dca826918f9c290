"""What was recorded, in its order, for whoever replays it; on both databases."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.orders import Refused
from bot.domain.outcomes import Accepted
from bot.domain.signals import TradeSignal
from bot.ledger.history import HistoryMark
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import (
    DAIVON,
    MASTER,
    NOW,
    QUANTITY,
    TANIA,
    SetClock,
    copies_for,
    copy_of,
    fill_of,
    order_of,
    report_of,
    signal_of,
)


@pytest.fixture
def told(ledger: Ledger, clock: SetClock) -> Ledger:
    """An entry that daivon has and that tania's order came to nothing of; then an exit that both skip."""
    entry, leave = signal_of("O1"), signal_of("O2", Side.SELL)
    copies = copies_for(entry, [DAIVON, TANIA])
    assert ledger.record_plan(entry, copies)
    ledger.answered(order_of(copies[0]), Accepted(VenueOrderId("V1")), OrderState.ACCEPTED)
    ledger.settled(order_of(copies[0]), report_of(fill_of(), order_id="V1"), OrderState.FILLED)
    clock.now += 10
    # The clock was set back: what was recorded later stays later.
    clock.now -= 60
    nothing = Refused("nothing to sell", "copying holds no BTC for this user")
    assert ledger.record_plan(leave, [copy_of(leave, one, OrderState.SKIPPED, nothing) for one in (DAIVON, TANIA)])
    ledger.record_account(DAIVON, True, "connected", Decimal("512.25"), None)
    ledger.record_account(TANIA, False, "EAPI:Invalid key", None, None)
    assert ledger.flush(30)
    return ledger


def test_everything_comes_in_the_order_of_recording(told: Ledger) -> None:
    history = told.views.history()
    assert [(one.number, one.side) for one in history.signals] == [(1, Side.BUY), (2, Side.SELL)]
    assert [(one.account, one.side, one.state) for one in history.copies] == [
        (DAIVON, Side.BUY, OrderState.FILLED),
        (TANIA, Side.BUY, OrderState.SUBMITTING),
        (DAIVON, Side.SELL, OrderState.SKIPPED),
        (TANIA, Side.SELL, OrderState.SKIPPED),
    ]
    assert history.copies[0].executed == QUANTITY
    assert history.copies[2].code == "nothing to sell"
    assert history.coins == {(DAIVON, "BTC-USD"): QUANTITY}
    assert history.balances == {DAIVON: Decimal("512.25")}


def test_it_is_told_of_some_accounts_and_from_some_signal_on(told: Ledger) -> None:
    history = told.views.history([TANIA], after=1)
    assert [one.number for one in history.signals] == [2]
    assert [one.account for one in history.copies] == [TANIA]
    assert (history.coins, history.balances) == ({}, {})


def test_coins_that_were_written_off_are_told_of_all_times(told: Ledger) -> None:
    told.write_off(DAIVON, "BTC-USD", Decimal("0.001"), "sold by hand")
    history = told.views.history([DAIVON], after=2)
    assert [(one.account, one.quantity) for one in history.adjustments] == [(DAIVON, Decimal("0.001"))]
    assert history.coins == {(DAIVON, "BTC-USD"): QUANTITY - Decimal("0.001")}
    assert told.views.history([TANIA]).adjustments == []


def test_whose_copies_changed_is_known_by_the_mark(told: Ledger) -> None:
    mark = told.views.history_mark()
    assert told.views.touched_since(HistoryMark()) == {DAIVON: 1, TANIA: 1}
    assert told.views.touched_since(mark) == {}
    told.write_off(DAIVON, "BTC-USD", Decimal("0.001"), "sold by hand")
    assert told.views.history_mark() != mark
    assert told.views.touched_since(mark) == {DAIVON: 0}


def test_an_answer_touches_its_account_and_names_the_signal(told: Ledger) -> None:
    mark = told.views.history_mark()
    (late,) = copies_for(signal_of("O1"), [TANIA])
    told.answered(order_of(late), Accepted(VenueOrderId("V2")), OrderState.ACCEPTED)
    assert told.flush(30)
    assert told.views.touched_since(mark) == {TANIA: 1}


def test_the_last_signal_of_each_master_and_symbol_is_found(told: Ledger) -> None:
    other = AccountId.master(BrokerType.COINBASE)
    fields = {"broker": BrokerType.COINBASE, "master": other, "order_id": "C1", "timestamp": NOW}
    first = signal_of("O1")
    values = {name: getattr(first, name) for name in ("side", "price", "size", "size_type", "master_balance")}
    told.record_plan(TradeSignal(symbol="ETH-USD", **values, **fields), [])  # type: ignore[arg-type]
    found = [(one.master, one.symbol, one.number) for one in told.views.last_signals()]
    assert found == [(MASTER, "BTC-USD", 2), (other, "ETH-USD", 3)]


def test_a_ledger_without_anything_has_no_history(ledger: Ledger) -> None:
    history = ledger.views.history()
    assert (history.mark, history.signals, history.copies) == (HistoryMark(), [], [])
    assert ledger.views.last_signals() == []
