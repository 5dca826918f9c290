"""What people see."""

from __future__ import annotations

import pytest

from bot.domain.enums import OrderState
from bot.domain.ids import ClientOrderId, VenueOrderId
from bot.domain.orders import Refused
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import (
    DAIVON,
    MASTER,
    TANIA,
    SetClock,
    copies_for,
    copy_of,
    fill_of,
    master_order,
    order_of,
    report_of,
    signal_of,
    users,
)


@pytest.fixture
def busy(ledger: Ledger, clock: SetClock) -> Ledger:
    """Three signals: one copied, one in doubt and refused by the venue, one that nobody could follow."""
    first, second, third = (signal_of(f"O{number}") for number in (1, 2, 3))
    ledger.record_plan(first, copies := copies_for(first, [DAIVON, TANIA]))
    for copy in copies:
        ledger.answered(order_of(copy), Accepted(VenueOrderId(f"V-{copy.account.name}")), OrderState.ACCEPTED)
    ledger.settled(order_of(copies[0]), report_of(fill_of(), order_id="V-daivon_frazier"), OrderState.FILLED)
    clock.now += 10
    ledger.record_plan(second, copies := copies_for(second, [DAIVON, TANIA]))
    ledger.answered(order_of(copies[0]), Unknown("timeout"), OrderState.UNKNOWN)
    ledger.answered(order_of(copies[1]), Rejected("EOrder:Insufficient funds"), OrderState.REJECTED)
    clock.now += 10
    low = Refused("balance too low", "has $0.50")
    ledger.record_plan(
        third,
        [
            copy_of(third, DAIVON, OrderState.SKIPPED, low),
            copy_of(third, TANIA, OrderState.SKIPPED, Refused("balance too low", "has $0.70")),
            copy_of(third, users(1)[0], OrderState.EXPIRED, reason="signal too old: 61 s"),
        ],
    )
    assert ledger.flush(30)
    return ledger


def test_the_newest_signals_come_first(busy: Ledger) -> None:
    assert [row.order_id for row in busy.views.recent_signals(2)] == ["O3", "O2"]


def test_one_signal_is_found_by_its_id(busy: Ledger) -> None:
    found = busy.views.signal(signal_of("O2").signal_id)
    assert found is not None
    assert found.order_id == "O2"
    assert busy.views.signal(signal_of("O9").signal_id) is None


def test_copies_can_be_asked_for_by_user_and_by_state(busy: Ledger) -> None:
    of_user = busy.views.recent_copies(10, user="daivon_frazier")
    assert [row.state for row in of_user] == [OrderState.SKIPPED, OrderState.UNKNOWN, OrderState.FILLED]
    rejected = busy.views.recent_copies(10, state=OrderState.REJECTED)
    assert [(row.user_id, row.reason) for row in rejected] == [("tania_gilbert", "EOrder:Insufficient funds")]
    assert busy.views.recent_copies(10, user="tania_gilbert", state=OrderState.FILLED) == []


def test_open_copies_are_those_of_which_something_is_still_to_be_found_out(busy: Ledger) -> None:
    assert [(row.user_id, row.state) for row in busy.views.open_copies()] == [
        ("tania_gilbert", OrderState.ACCEPTED),
        ("daivon_frazier", OrderState.UNKNOWN),
    ]


def test_everything_is_counted_and_skips_by_their_reason(busy: Ledger) -> None:
    counts = busy.views.counts()

    assert (counts.emitted, counts.copied, counts.failed, counts.open) == (3, 2, 1, 2)
    assert counts.skipped == {"balance too low": 2, "signal too old": 1}
    assert counts.skipped_total == 3


def test_all_orders_that_were_meant_to_be_sent_are_listed_by_account(busy: Ledger) -> None:
    order = master_order()
    busy.intend(order)

    orders = busy.views.all_orders_by_account()

    assert set(orders) == {MASTER, DAIVON, TANIA}
    assert [(row.client_order_id, row.state, row.order_id) for row in orders[MASTER]] == [
        (order.client_order_id, OrderState.SUBMITTING, None)
    ]
    filled = [row for row in orders[DAIVON] if row.state is OrderState.FILLED]
    assert [(row.order_id, row.executed, row.cost, row.fee) for row in filled] == [
        ("V-daivon_frazier", fill_of().quantity, fill_of().cost, fill_of().fee)
    ]
    assert {row.state for row in orders[TANIA]} == {OrderState.ACCEPTED, OrderState.REJECTED}


def test_an_order_that_is_not_there_has_no_history(busy: Ledger) -> None:
    assert busy.views.events_of(ClientOrderId("nothing")) == []


def test_an_empty_ledger_has_empty_views(ledger: Ledger) -> None:
    views = ledger.views
    assert [views.recent_signals(), views.recent_copies(), views.accounts(), views.copied_coins()] == [[], [], [], []]
    assert (views.counts().emitted, views.counts().skipped) == (0, {})
