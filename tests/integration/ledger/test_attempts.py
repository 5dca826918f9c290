"""Copies that take more than one order: sent again under a new name, or in several legs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.enums import OrderState, Side
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.ids import ClientOrderId, VenueOrderId, client_order_id_of
from bot.domain.orders import MarketOrder, Refused
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import (
    DAIVON,
    NOW,
    PRICE,
    QUANTITY,
    TANIA,
    SetClock,
    copies_for,
    copy_of,
    fill_of,
    master_order,
    order_of,
    report_of,
    signal_of,
)

ACCEPTED = Accepted(VenueOrderId("OU22CG-KLAF2-FWUDD7"))
LESS = Decimal("0.00500000")


def again(copy: PlannedCopy, attempt: int = 2, quantity: Decimal = LESS) -> MarketOrder:
    name = client_order_id_of(copy.signal_id, copy.account, copy.leg, attempt)
    return replace(order_of(copy, quantity), client_order_id=name, attempt=attempt)


def later_leg(signal: TradeSignal, leg: int = 2) -> PlannedCopy:
    name = client_order_id_of(signal.signal_id, DAIVON, leg)
    return replace(copy_of(signal, state=OrderState.PLANNED), leg=leg, client_order_id=name)


@pytest.fixture
def unknown(ledger: Ledger) -> PlannedCopy:
    """A copy of which nobody knows whether it was placed."""
    signal = signal_of(side=Side.SELL)
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy, copy_of(signal, TANIA)])
    ledger.answered(order_of(copy), Unknown("timeout after 10 s"), OrderState.UNKNOWN, 10_000.0)
    return copy


def test_a_copy_goes_on_under_its_new_name(ledger: Ledger, clock: SetClock, unknown: PlannedCopy) -> None:
    clock.now += 12
    ledger.begin_attempt(order_of(unknown), again(unknown))

    row = ledger.views.copy(again(unknown).client_order_id)
    assert row is not None
    assert (row.account, row.leg, row.attempt, row.state) == (DAIVON, 1, 2, OrderState.SUBMITTING)
    assert (row.quantity, row.quote_value) == (LESS, LESS * PRICE)
    assert (row.order_id, row.reason, row.code, row.answered_at) == (None, "", "", None)
    assert (row.planned_at, row.deadline) == (NOW, unknown.deadline)
    assert ledger.views.copy(unknown.client_order_id) is None
    assert len(ledger.views.copies_of(unknown.signal_id)) == 2


def test_the_deadline_of_the_next_attempt_is_kept(ledger: Ledger, unknown: PlannedCopy) -> None:
    ledger.begin_attempt(order_of(unknown), again(unknown), deadline=NOW + 99)

    row = ledger.views.copy(again(unknown).client_order_id)
    assert row is not None
    assert row.deadline == NOW + 99


def test_the_history_of_a_copy_is_whole_under_each_of_its_names(ledger: Ledger, unknown: PlannedCopy) -> None:
    second, third = again(unknown), again(unknown, 3)
    ledger.begin_attempt(order_of(unknown), second)
    ledger.answered(second, Unknown("connection reset"), OrderState.UNKNOWN)
    ledger.begin_attempt(second, third)
    ledger.answered(third, ACCEPTED, OrderState.ACCEPTED)
    assert ledger.flush(30)

    names = (unknown.client_order_id, second.client_order_id, third.client_order_id)
    histories = [ledger.views.events_of(name) for name in names]
    assert histories[0] == histories[1] == histories[2]
    assert [(names.index(event.client_order_id) + 1, event.to_state, event.detail) for event in histories[0]] == [
        (1, OrderState.SUBMITTING, ""),
        (1, OrderState.UNKNOWN, "timeout after 10 s"),
        (1, OrderState.UNKNOWN, f"proven absent; goes on as {names[1]}"),
        (2, OrderState.SUBMITTING, "attempt 2"),
        (2, OrderState.UNKNOWN, "connection reset"),
        (2, OrderState.UNKNOWN, f"proven absent; goes on as {names[2]}"),
        (3, OrderState.SUBMITTING, "attempt 3"),
        (3, OrderState.ACCEPTED, ACCEPTED.order_id),
    ]


def test_a_copy_that_waits_goes_on_under_a_new_name_too(ledger: Ledger) -> None:
    signal = signal_of(side=Side.SELL)
    waiting = copy_of(signal, state=OrderState.PLANNED)
    ledger.record_plan(signal, [waiting])

    ledger.begin_attempt(order_of(waiting), again(waiting))

    details = [event.detail for event in ledger.views.events_of(waiting.client_order_id)]
    assert details == ["", f"never sent; goes on as {again(waiting).client_order_id}", "attempt 2"]


@pytest.mark.parametrize("state", [state for state in OrderState if state not in ("PLANNED", "UNKNOWN")])
def test_no_other_copy_goes_on(ledger: Ledger, state: OrderState) -> None:
    signal = signal_of()
    copy = copy_of(signal, state=state)
    ledger.record_plan(signal, [copy])

    with pytest.raises(IllegalTransition, match=f"{state} to SUBMITTING"):
        ledger.begin_attempt(order_of(copy), again(copy))

    [row] = ledger.views.copies_of(signal.signal_id)
    assert (row.client_order_id, row.state, row.attempt) == (copy.client_order_id, state, 1)


def test_an_attempt_is_begun_once(ledger: Ledger, unknown: PlannedCopy) -> None:
    ledger.begin_attempt(order_of(unknown), again(unknown))

    with pytest.raises(IllegalTransition, match="written before"):
        ledger.begin_attempt(order_of(unknown), again(unknown))


def test_where_names_are_unique_for_good_each_attempt_keeps_the_name_and_is_begun_once(
    ledger: Ledger, unknown: PlannedCopy
) -> None:
    first = order_of(unknown)
    second = replace(first, attempt=2)
    ledger.begin_attempt(first, second)
    with pytest.raises(IllegalTransition, match="written before"):
        ledger.begin_attempt(first, second)
    ledger.answered(second, Unknown("connection reset"), OrderState.UNKNOWN)
    ledger.begin_attempt(second, replace(first, attempt=3))

    row = ledger.views.copy(first.client_order_id)
    assert row is not None
    assert (row.attempt, row.state) == (3, OrderState.SUBMITTING)
    details = [event.detail for event in ledger.views.events_of(first.client_order_id)]
    assert details[-2:] == [f"proven absent; goes on as {first.client_order_id}", "attempt 3"]


def test_what_nobody_planned_does_not_go_on(ledger: Ledger) -> None:
    copy = copy_of(signal_of())

    with pytest.raises(LedgerUnavailable, match="no copy"):
        ledger.begin_attempt(order_of(copy), again(copy))


def test_what_comes_late_for_a_former_name_is_told_and_its_fill_is_true(ledger: Ledger, unknown: PlannedCopy) -> None:
    ledger.begin_attempt(order_of(unknown), again(unknown))
    bought = replace(order_of(unknown), side=Side.BUY)
    ledger.answered(bought, ACCEPTED, OrderState.ACCEPTED)
    ledger.settled(bought, report_of(fill_of()), OrderState.FILLED)

    assert ledger.copied_coins() == {(DAIVON, "BTC-USD"): QUANTITY}
    row = ledger.views.copy(again(unknown).client_order_id)
    assert row is not None
    assert row.state is OrderState.SUBMITTING
    told = [event.detail for event in ledger.views.events_of(row.client_order_id)]
    assert [detail.partition(":")[0] for detail in told[-2:]] == ["no such order", "no such order"]


def test_a_later_leg_is_one_more_copy_of_the_same_account(ledger: Ledger, clock: SetClock) -> None:
    signal = signal_of(side=Side.SELL)
    first, second = copy_of(signal), later_leg(signal)
    ledger.record_plan(signal, [first])
    clock.now += 60

    assert ledger.add_copy(second, signal)

    rows = ledger.views.copies_of(signal.signal_id)
    assert [(row.leg, row.state, row.planned_at) for row in rows] == [
        (1, OrderState.SUBMITTING, NOW),
        (2, OrderState.PLANNED, NOW + 60),
    ]
    ledger.intend(order_of(second))
    ledger.answered(order_of(second), ACCEPTED, OrderState.ACCEPTED)
    assert ledger.flush(30)
    assert [row.state for row in ledger.views.copies_of(signal.signal_id)] == [
        OrderState.SUBMITTING,
        OrderState.ACCEPTED,
    ]
    assert [event.to_state for event in ledger.views.events_of(first.client_order_id)] == [OrderState.SUBMITTING]
    assert len(ledger.views.events_of(second.client_order_id)) == 3
    assert ledger.views.counts().copied == 1


def test_the_same_leg_is_added_once(ledger: Ledger) -> None:
    signal = signal_of(side=Side.SELL)
    ledger.record_plan(signal, [copy_of(signal)])
    ledger.add_copy(later_leg(signal), signal)

    assert not ledger.add_copy(later_leg(signal), signal)

    assert len(ledger.views.copies_of(signal.signal_id)) == 2


def test_one_leg_of_one_account_has_one_copy_whatever_its_name(ledger: Ledger) -> None:
    signal = signal_of(side=Side.SELL)
    ledger.record_plan(signal, [copy_of(signal)])
    ledger.add_copy(later_leg(signal), signal)

    with pytest.raises(LedgerUnavailable):
        ledger.add_copy(replace(later_leg(signal), client_order_id=ClientOrderId("another")), signal)

    assert len(ledger.views.copies_of(signal.signal_id)) == 2


def test_a_leg_of_a_signal_that_is_not_recorded_is_refused(ledger: Ledger) -> None:
    signal = signal_of()

    with pytest.raises(LedgerUnavailable):
        ledger.add_copy(later_leg(signal), signal)


def test_exits_after_a_signal_are_found_whatever_the_clock_did(ledger: Ledger, clock: SetClock) -> None:
    traded = [
        signal_of("O1", Side.SELL),
        entry := signal_of("O2"),
        signal_of("O3", Side.SELL, "ETH-USD"),
        signal_of("O4", Side.SELL),
        signal_of("O5"),
        last := signal_of("O6", Side.SELL),
    ]
    for signal in traded:
        clock.now -= 10
        ledger.record_plan(signal, copies_for(signal, [DAIVON]))

    assert [row.order_id for row in ledger.views.exits_after(entry.signal_id)] == ["O4", "O6"]
    assert ledger.views.exits_after(last.signal_id) == []
    assert ledger.views.exits_after(signal_of("O9").signal_id) == []


def test_a_masters_order_is_found_by_its_name(ledger: Ledger) -> None:
    order = master_order()
    ledger.intend(order)

    row = ledger.views.master_order(order.client_order_id)
    assert row is not None
    assert row.state is OrderState.SUBMITTING
    assert ledger.views.master_order(ClientOrderId("nothing")) is None


def test_a_masters_order_that_was_in_doubt_is_adopted(ledger: Ledger, clock: SetClock) -> None:
    order = master_order()
    ledger.intend(order)
    ledger.answered(order, Unknown("timeout after 10 s"), OrderState.UNKNOWN)
    clock.now += 12
    for _ in range(2):
        ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)
        clock.now += 1
    ledger.settled(order, report_of(fill_of(quantity=order.quantity)), OrderState.FILLED)
    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)
    assert ledger.flush(30)

    row = ledger.views.master_order(order.client_order_id)
    assert row is not None
    assert (row.state, row.order_id, row.reason) == (OrderState.FILLED, ACCEPTED.order_id, "")
    assert (row.answered_at, row.executed) == (NOW, order.quantity)
    assert [event.to_state for event in ledger.views.events_of(order.client_order_id)] == [
        OrderState.SUBMITTING,
        OrderState.UNKNOWN,
        OrderState.ACCEPTED,
        OrderState.FILLED,
    ]


def test_a_masters_order_that_was_in_doubt_fails_when_it_is_proven_absent(ledger: Ledger) -> None:
    order = master_order()
    ledger.intend(order)
    ledger.answered(order, Unknown("timeout after 10 s"), OrderState.UNKNOWN)
    ledger.answered(order, Rejected("not at the venue"), OrderState.FAILED)
    assert ledger.flush(30)

    row = ledger.views.master_order(order.client_order_id)
    assert row is not None
    assert (row.state, row.reason, row.order_id) == (OrderState.FAILED, "not at the venue", None)
    assert ledger.views.open_master_orders() == []


@pytest.mark.parametrize("state", [OrderState.EXPIRED, OrderState.SKIPPED])
def test_a_planned_copy_that_is_never_sent_says_why_and_was_never_answered(ledger: Ledger, state: OrderState) -> None:
    signal = signal_of(side=Side.SELL)
    waiting = copy_of(signal, state=OrderState.PLANNED)
    ledger.record_plan(signal, [waiting, copy_of(signal, TANIA, OrderState.SKIPPED, Refused("nothing to sell"))])
    ledger.answered(order_of(waiting), Rejected("signal too old: 61 s", sent=False), state)
    assert ledger.flush(30)

    row = ledger.views.copy(waiting.client_order_id)
    assert row is not None
    assert (row.state, row.reason, row.code) == (state, "signal too old: 61 s", "signal too old")
    assert (row.answered_at, row.order_id) == (None, None)
    assert ledger.views.counts().skipped == {"signal too old": 1, "nothing to sell": 1}
