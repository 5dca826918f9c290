"""What venues answer, and what they book."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.domain.enums import OrderState
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.domain.states import MOVES
from bot.ledger.journal import Ledger
from bot.ledger.rows import CopyRow
from tests.unit.ledger.builders import (
    DAIVON,
    NOW,
    QUANTITY,
    SetClock,
    copy_of,
    fill_of,
    master_order,
    order_of,
    report_of,
    signal_of,
)

ACCEPTED = Accepted(VenueOrderId("OU22CG-KLAF2-FWUDD7"))


def stored(ledger: Ledger) -> CopyRow:
    assert ledger.flush(30)
    [row] = ledger.views.recent_copies()
    return row


@pytest.fixture
def order(ledger: Ledger):
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    return order_of(copy)


def test_an_accepted_copy_has_its_order_id_and_its_delay(ledger: Ledger, clock: SetClock, order) -> None:
    clock.now += 0.031
    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED, 31.25)

    row = stored(ledger)
    assert (row.state, row.order_id, row.milliseconds) == (OrderState.ACCEPTED, "OU22CG-KLAF2-FWUDD7", 31.25)
    assert (row.reason, row.answered_at) == ("", NOW + 0.031)


def test_a_rejected_copy_has_the_venues_own_words(ledger: Ledger, order) -> None:
    ledger.answered(order, Rejected("EOrder:Insufficient funds"), OrderState.REJECTED)

    row = stored(ledger)
    assert (row.state, row.reason, row.order_id) == (OrderState.REJECTED, "EOrder:Insufficient funds", None)


def test_an_unknown_copy_that_is_found_forgets_its_doubt(ledger: Ledger, order) -> None:
    ledger.answered(order, Unknown("timeout after 10 s"), OrderState.UNKNOWN)
    assert stored(ledger).reason == "timeout after 10 s"

    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)

    row = stored(ledger)
    assert (row.state, row.reason, row.order_id) == (OrderState.ACCEPTED, "", "OU22CG-KLAF2-FWUDD7")


def test_a_fill_is_kept_to_the_last_digit(ledger: Ledger, clock: SetClock, order) -> None:
    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)
    report = report_of(fill_of("T1", Decimal("0.00500001")), fill_of("T2", Decimal("0.00234212")))
    clock.now += 1
    ledger.settled(order, report, OrderState.FILLED)

    row = stored(ledger)
    assert (row.state, row.executed, row.cost) == (OrderState.FILLED, QUANTITY, report.cost)
    assert (row.average_price, row.fee, row.fee_currency) == (report.average_price, Decimal("2.59044"), "USD")
    assert row.settled_at == NOW + 1


def test_a_masters_order_is_settled_like_any_other(ledger: Ledger) -> None:
    order = master_order()
    ledger.intend(order)
    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)
    ledger.settled(order, report_of(fill_of(quantity=order.quantity)), OrderState.FILLED)

    assert ledger.flush(30)
    [row] = ledger.views.master_orders()
    assert (row.state, row.order_id, row.executed) == (OrderState.FILLED, ACCEPTED.order_id, order.quantity)


def test_an_earlier_report_that_comes_late_takes_nothing_back(ledger: Ledger, order) -> None:
    first, second = fill_of("T1", Decimal("0.005")), fill_of("T2", Decimal("0.002"))
    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)
    ledger.settled(order, report_of(first, second, final=False), OrderState.PARTIALLY_FILLED)
    ledger.settled(order, report_of(first, final=False), OrderState.PARTIALLY_FILLED)

    assert stored(ledger).executed == Decimal("0.007")


def test_a_resized_copy_has_the_size_that_left(ledger: Ledger, order) -> None:
    ledger.resized(replace(order, quantity=Decimal("0.00100000")))

    row = stored(ledger)
    assert (row.quantity, row.quote_value) == (Decimal("0.001"), Decimal("67.8501"))
    assert ledger.views.events_of(order.client_order_id)[-1].detail == "quantity 0.00734213 -> 0.00100000"


def test_a_move_that_the_table_does_not_have_is_refused_and_told(
    ledger: Ledger, order, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.answered(order, Rejected("EOrder:Insufficient funds"), OrderState.REJECTED)
    ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)

    row = stored(ledger)
    assert (row.state, row.order_id) == (OrderState.REJECTED, None)
    event = ledger.views.events_of(order.client_order_id)[-1]
    assert (event.from_state, event.to_state) == (OrderState.REJECTED, OrderState.REJECTED)
    assert "REJECTED to ACCEPTED" in event.detail
    assert ACCEPTED.order_id in event.detail
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_fill_counts_even_when_its_state_does_not(ledger: Ledger, order) -> None:
    ledger.answered(order, Rejected("EService:Timeout"), OrderState.REJECTED)
    ledger.settled(order, report_of(fill_of()), OrderState.FILLED)

    assert stored(ledger).state is OrderState.REJECTED
    assert ledger.copied_coins() == {(DAIVON, "BTC-USD"): QUANTITY}


def test_the_same_answer_twice_is_one_move(ledger: Ledger, order) -> None:
    for _ in range(2):
        ledger.answered(order, ACCEPTED, OrderState.ACCEPTED)

    assert stored(ledger).state is OrderState.ACCEPTED
    states = [event.to_state for event in ledger.views.events_of(order.client_order_id)]
    assert states == [OrderState.SUBMITTING, OrderState.ACCEPTED]


def test_an_answer_to_an_order_that_nobody_planned_is_kept_as_an_event(ledger: Ledger, order) -> None:
    stranger = replace(order, account=AccountId("nobody", order.account.venue))
    ledger.answered(stranger, ACCEPTED, OrderState.ACCEPTED)

    assert stored(ledger).state is OrderState.SUBMITTING
    event = ledger.views.events_of(order.client_order_id)[-1]
    assert event.account == stranger.account
    assert event.detail.startswith("no such order")


def test_only_the_latest_look_at_an_account_is_kept(ledger: Ledger, clock: SetClock) -> None:
    ledger.record_account(DAIVON, False, "connecting", None, None)
    assert ledger.flush(30)
    clock.now += 60
    ledger.record_account(DAIVON, True, "stale", Decimal("1"), None)
    ledger.record_account(DAIVON, True, "ready", Decimal("1034.5500"), Decimal("2000.10"))

    assert ledger.flush(30)
    [row] = ledger.views.accounts()
    assert (row.account, row.connected, row.status) == (DAIVON, True, "ready")
    assert (row.balance, row.equity, row.checked_at) == (Decimal("1034.55"), Decimal("2000.10"), NOW + 60)


def _outcome_of(state: OrderState):
    if state in (OrderState.REJECTED, OrderState.FAILED, OrderState.SKIPPED, OrderState.EXPIRED):
        return Rejected(state.value)
    return Unknown("timeout") if state is OrderState.UNKNOWN else ACCEPTED


@hypothesis_settings(max_examples=60)
@given(start=st.sampled_from(OrderState), wishes=st.lists(st.sampled_from(OrderState), max_size=8))
def test_whatever_is_told_a_row_only_moves_by_the_table(start: OrderState, wishes: list[OrderState]) -> None:
    signal = signal_of()
    copy = copy_of(signal, state=start)
    with Ledger("sqlite://", SetClock(), linger_s=0) as ledger:
        ledger.record_plan(signal, [copy])
        for wish in wishes:
            ledger.answered(order_of(copy), _outcome_of(wish), wish)
        state = stored(ledger).state
        moved = [(e.from_state, e.to_state) for e in ledger.views.events_of(copy.client_order_id) if e.from_state]

    expected = start
    for wish in wishes:
        expected = wish if wish in MOVES[expected] else expected
    assert state is expected
    assert all(after in MOVES[before] for before, after in moved if before is not after)
