"""A signal and all its copies, in one transaction, before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.ids import ClientOrderId, VenueOrderId
from bot.domain.orders import Refused, Sized
from bot.domain.outcomes import Accepted
from bot.ledger.journal import Ledger
from tests.integration.ledger.looking import rows
from tests.unit.ledger.builders import (
    DAIVON,
    MASTER,
    NOW,
    PRICE,
    QUANTITY,
    TANIA,
    SetClock,
    copies_for,
    copy_of,
    master_order,
    order_of,
    signal_of,
    users,
)


def test_a_plan_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    signal = signal_of()
    sized = copy_of(signal, DAIVON)
    refused = copy_of(signal, TANIA, OrderState.SKIPPED, Refused("balance too low", "has $0.50, needs $1.00"))

    assert ledger.record_plan(signal, [sized, refused], observe_only=True)

    [stored] = ledger.views.recent_signals()
    assert (stored.signal_id, stored.master, stored.order_id) == (signal.signal_id, MASTER, signal.order_id)
    assert (stored.price, stored.size, stored.size_type) == (PRICE, Decimal("0.01500000"), SizeType.BASE)
    assert (stored.master_balance, stored.position_before) == (Decimal("10250.7731"), Decimal("0.1"))
    assert (stored.timestamp, stored.planned_at, stored.observe_only) == (signal.timestamp, NOW, True)
    first, second = ledger.views.copies_of(signal.signal_id)
    assert (first.account, first.user_id, first.state) == (DAIVON, "daivon_frazier", OrderState.SUBMITTING)
    assert (first.quantity, first.quote_value, first.balance) == (QUANTITY, Decimal("498.16"), Decimal("1034.55"))
    assert (first.note, first.reason, first.deadline) == ("capped at 10 % of the balance", "", NOW + 5)
    assert (second.state, second.quantity) == (OrderState.SKIPPED, 0)
    assert second.reason == "balance too low: has $0.50, needs $1.00"


def test_every_copy_begins_its_history_with_the_plan(ledger: Ledger) -> None:
    signal = signal_of()
    refused = copy_of(signal, TANIA, OrderState.SKIPPED, Refused("paused"))
    ledger.record_plan(signal, [copy_of(signal), refused])

    [event] = ledger.views.events_of(refused.client_order_id)

    assert (event.account, event.at, event.from_state, event.to_state) == (TANIA, NOW, None, OrderState.SKIPPED)
    assert event.detail == "paused"


def test_the_same_signal_is_recorded_once_and_the_second_try_writes_nothing(ledger: Ledger) -> None:
    signal = signal_of()
    ledger.record_plan(signal, [copy_of(signal, DAIVON)])

    assert not ledger.record_plan(signal, [copy_of(signal, TANIA)])

    assert [copy.account for copy in ledger.views.copies_of(signal.signal_id)] == [DAIVON]


def test_a_signal_without_followers_is_recorded(ledger: Ledger) -> None:
    assert ledger.record_plan(signal_of(), [])
    assert ledger.views.counts().emitted == 1


def test_a_plan_with_one_bad_copy_leaves_nothing_behind(ledger: Ledger) -> None:
    signal = signal_of()
    bad = copy_of(signal, TANIA, decision=Sized(Decimal("NaN"), Decimal(1)))

    with pytest.raises(LedgerUnavailable, match="NaN"):
        ledger.record_plan(signal, [copy_of(signal, DAIVON), bad])

    assert ledger.views.recent_signals() == []
    assert ledger.views.recent_copies() == []
    assert ledger.healthy


def test_two_copies_of_one_account_in_one_signal_are_refused_by_the_database(ledger: Ledger) -> None:
    signal = signal_of()
    twice = [copy_of(signal), replace(copy_of(signal), client_order_id=ClientOrderId("another"))]

    with pytest.raises(LedgerUnavailable):
        ledger.record_plan(signal, twice)

    assert ledger.views.recent_signals() == []


def test_a_copy_of_a_signal_that_is_not_there_is_refused_by_the_database(ledger: Ledger) -> None:
    signal = signal_of()
    stranger = replace(copy_of(signal), signal_id=signal_of("OTHER").signal_id)

    with pytest.raises(LedgerUnavailable):
        ledger.record_plan(signal, [stranger])


def test_a_masters_order_is_committed_when_intend_returns(ledger: Ledger, url: str) -> None:
    order = master_order()

    ledger.intend(order)

    [row] = rows(url, "SELECT account, state, quantity, balance_before FROM master_orders")
    assert tuple(map(str, row)) == ("master:kraken", "SUBMITTING", "0.01500000", "10250.7731")


def test_a_masters_order_is_never_intended_twice(ledger: Ledger) -> None:
    ledger.intend(master_order())

    with pytest.raises(IllegalTransition, match="written before"):
        ledger.intend(master_order())


@pytest.mark.parametrize("answer_first", [True, False])
def test_a_masters_order_knows_its_signal_whichever_is_written_first(ledger: Ledger, answer_first: bool) -> None:
    order, signal = master_order(), signal_of("OQCLML-BW3P3-BUCMWZ")
    ledger.intend(order)

    def answer() -> None:
        ledger.answered(order, Accepted(VenueOrderId(signal.order_id)), OrderState.ACCEPTED)

    steps = [answer, lambda: ledger.record_plan(signal, copies_for(signal, [DAIVON]))]
    for step in steps if answer_first else reversed(steps):
        step()

    assert ledger.flush(30)
    assert [row.signal_id for row in ledger.views.master_orders()] == [signal.signal_id]
    assert ledger.views.unemitted_master_orders() == []


def test_an_accepted_master_order_without_a_signal_is_found(ledger: Ledger, clock: SetClock) -> None:
    unsent, lost = master_order("a"), master_order("b")
    ledger.intend(unsent)
    ledger.intend(lost)
    ledger.answered(lost, Accepted(VenueOrderId("O1")), OrderState.ACCEPTED)
    assert ledger.flush(30)

    assert [row.client_order_id for row in ledger.views.unemitted_master_orders()] == ["b"]
    assert {row.client_order_id for row in ledger.views.open_master_orders()} == {"a", "b"}


def test_a_waiting_exit_leaves_once(ledger: Ledger) -> None:
    signal = signal_of(side=Side.SELL)
    waiting = copy_of(signal, state=OrderState.PLANNED)
    ledger.record_plan(signal, [waiting])
    order = order_of(waiting)

    ledger.intend(order)
    ledger.answered(order, Accepted(VenueOrderId("O1")), OrderState.ACCEPTED)

    with pytest.raises(IllegalTransition, match="ACCEPTED to SUBMITTING"):
        ledger.intend(order)
    states = [event.to_state for event in ledger.views.events_of(order.client_order_id)]
    assert states == [OrderState.PLANNED, OrderState.SUBMITTING, OrderState.ACCEPTED]


def test_a_users_order_without_a_plan_may_not_leave(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnavailable, match="no planned copy"):
        ledger.intend(order_of(copy_of(signal_of())))


def test_five_hundred_copies_are_one_transaction(ledger: Ledger, url: str) -> None:
    signal = signal_of()

    ledger.record_plan(signal, copies_for(signal, users(500)))

    assert rows(url, "SELECT count(*) FROM copies") == [(500,)]
    assert rows(url, "SELECT count(*) FROM order_events") == [(500,)]
