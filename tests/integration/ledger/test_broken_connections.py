"""A server that goes away in the middle of a commit, or for a while: nothing is sent twice, nothing is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from sqlalchemy import create_engine

from bot.domain.enums import OrderState
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.ids import VenueOrderId, client_order_id_of
from bot.domain.orders import Sized
from bot.domain.outcomes import Accepted, Unknown
from bot.ledger.entry import open_views
from bot.ledger.journal import Ledger
from tests.integration.ledger.line import Cut, Line
from tests.integration.ledger.looking import eventually, rows
from tests.integration.ledger.server import Server
from tests.unit.ledger.builders import (
    DAIVON,
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
BROKEN = "connection broke during the commit"
LESS = Sized(Decimal("0.00100000"), Decimal("67.85"))


@dataclass
class Place:
    """A ledger whose way to the server can be cut, and the server's own view of it."""

    ledger: Ledger
    line: Line
    direct: str


@pytest.fixture
def place(server: Server, postgresql: str, clock: SetClock) -> Iterator[Place]:
    with (
        Line(server.socket) as line,
        Ledger(line.url(postgresql), clock, retry_s=0.05, doubt_s=0.3) as ledger,
    ):
        yield Place(ledger, line, postgresql)


def test_a_plan_whose_commit_never_arrived_may_be_tried_again(place: Place) -> None:
    signal = signal_of()
    place.line.cut_at_next_commit(Cut.BEFORE_THE_COMMIT, stays_cut=False)

    with pytest.raises(LedgerUnavailable, match=BROKEN):
        place.ledger.record_plan(signal, [copy_of(signal)])

    assert rows(place.direct, "SELECT count(*) FROM signals") == [(0,)]
    assert place.ledger.record_plan(signal, [copy_of(signal)])
    assert not place.ledger.record_plan(signal, [copy_of(signal)])


def test_a_plan_that_was_committed_is_sent_though_the_answer_was_lost(place: Place) -> None:
    signal = signal_of()
    place.line.cut_at_next_commit(Cut.AFTER_THE_COMMIT, stays_cut=False)

    assert place.ledger.record_plan(signal, copies_for(signal, [DAIVON, TANIA]))

    assert rows(place.direct, "SELECT count(*) FROM copies") == [(2,)]
    assert not place.ledger.record_plan(signal, [copy_of(signal)])


@pytest.mark.parametrize("cut", Cut)
def test_a_plan_of_which_nobody_can_tell_is_not_sent_and_may_be_made_anew(place: Place, cut: Cut) -> None:
    signal = signal_of()
    place.line.cut_at_next_commit(cut, stays_cut=True)
    with pytest.raises(LedgerUnavailable, match=f"cannot be written for sure: the {BROKEN}; see that the database"):
        place.ledger.record_plan(signal, copies_for(signal, [DAIVON, TANIA]))
    with pytest.raises(LedgerUnavailable):
        place.ledger.record_plan(signal, [copy_of(signal)])
    assert not place.ledger.healthy

    place.line.open = True
    eventually(lambda: place.ledger.healthy)
    anew = [copy_of(signal, DAIVON, decision=LESS), copy_of(signal, TANIA, OrderState.PLANNED)]
    assert place.ledger.record_plan(signal, anew)

    planned = {row.account: (row.state, row.quantity) for row in place.ledger.views.copies_of(signal.signal_id)}
    assert planned == {DAIVON: (OrderState.SUBMITTING, LESS.quantity), TANIA: (OrderState.PLANNED, QUANTITY)}
    assert place.ledger.views.counts().emitted == 1
    assert not place.ledger.record_plan(signal, anew)


def test_of_two_tries_at_once_after_a_doubt_one_is_sent(place: Place) -> None:
    signal = signal_of()
    place.line.cut_at_next_commit(Cut.AFTER_THE_COMMIT, stays_cut=True)
    with pytest.raises(LedgerUnavailable):
        place.ledger.record_plan(signal, [copy_of(signal)])
    place.line.open = True
    eventually(lambda: place.ledger.healthy)

    tries = [place.ledger.begin_plan(signal, [copy_of(signal)]) for _ in range(3)]

    assert [one.result() for one in tries] == [True, False, False]


def test_a_plan_that_another_process_recorded_is_copied_before_whatever_broke(
    place: Place, postgresql: str, clock: SetClock
) -> None:
    signal = signal_of()
    with Ledger(postgresql, clock) as other:
        other.record_plan(signal, [copy_of(signal)])
    place.line.cut_at_next_commit(Cut.AFTER_THE_COMMIT, stays_cut=True)
    with pytest.raises(LedgerUnavailable):
        place.ledger.record_plan(signal, [copy_of(signal)])
    place.line.open = True
    eventually(lambda: place.ledger.healthy)

    assert not place.ledger.record_plan(signal, [copy_of(signal)])


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("stays_cut", [False, True])
def test_answers_and_fills_are_written_once_whatever_broke(place: Place, cut: Cut, stays_cut: bool) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    place.ledger.record_plan(signal, [copy])
    place.line.cut_at_next_commit(cut, stays_cut=stays_cut)

    place.ledger.answered(order_of(copy), ACCEPTED, OrderState.ACCEPTED, 12.5)
    place.ledger.settled(order_of(copy), report_of(fill_of()), OrderState.FILLED)
    if stays_cut:
        assert not place.ledger.flush(0.5)
        place.line.open = True

    assert place.ledger.flush(30)
    states = [event.to_state for event in place.ledger.views.events_of(copy.client_order_id)]
    assert states == [OrderState.SUBMITTING, OrderState.ACCEPTED, OrderState.FILLED]
    assert place.ledger.copied_coins() == {(DAIVON, "BTC-USD"): QUANTITY}


@pytest.mark.parametrize("cut", Cut)
def test_an_attempt_of_which_nobody_can_tell_may_be_begun_again_once(place: Place, cut: Cut) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    place.ledger.record_plan(signal, [copy])
    place.ledger.answered(order_of(copy), Unknown("timeout"), OrderState.UNKNOWN)
    assert place.ledger.flush(30)
    again = replace(order_of(copy), client_order_id=client_order_id_of(signal.signal_id, DAIVON, 1, 2), attempt=2)
    place.line.cut_at_next_commit(cut, stays_cut=True)
    with pytest.raises(LedgerUnavailable):
        place.ledger.begin_attempt(order_of(copy), again)

    place.line.open = True
    eventually(lambda: place.ledger.healthy)
    place.ledger.begin_attempt(order_of(copy), again)

    with pytest.raises(IllegalTransition):
        place.ledger.begin_attempt(order_of(copy), again)
    [row] = place.ledger.views.copies_of(signal.signal_id)
    assert (row.client_order_id, row.attempt, row.state) == (again.client_order_id, 2, OrderState.SUBMITTING)


def test_a_leg_of_which_nobody_can_tell_may_be_added_again_once(place: Place) -> None:
    signal = signal_of()
    leg = replace(
        copy_of(signal),
        leg=2,
        client_order_id=client_order_id_of(signal.signal_id, DAIVON, 2),
        state=OrderState.PLANNED,
    )
    place.ledger.record_plan(signal, [copy_of(signal)])
    place.line.cut_at_next_commit(Cut.AFTER_THE_COMMIT, stays_cut=True)
    with pytest.raises(LedgerUnavailable):
        place.ledger.add_copy(leg, signal)

    place.line.open = True
    eventually(lambda: place.ledger.healthy)

    assert place.ledger.add_copy(leg, signal)
    assert not place.ledger.add_copy(leg, signal)
    assert len(place.ledger.views.copies_of(signal.signal_id)) == 2


@pytest.mark.parametrize("cut", Cut)
def test_a_masters_order_of_which_nobody_can_tell_is_not_open_afterwards(place: Place, cut: Cut) -> None:
    order = master_order()
    place.line.cut_at_next_commit(cut, stays_cut=True)
    with pytest.raises(LedgerUnavailable):
        place.ledger.intend(order)

    place.line.open = True
    eventually(lambda: place.ledger.healthy)
    assert place.ledger.flush(30)

    assert place.ledger.views.open_master_orders() == []
    known = [(row.state, row.reason) for row in place.ledger.views.master_orders()]
    written = [(OrderState.REJECTED, "not sent: the ledger did not answer in time")]
    assert known == (written if cut is Cut.AFTER_THE_COMMIT else [])


def test_closing_does_not_wait_for_a_server_that_is_gone(place: Place) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    place.ledger.record_plan(signal, [copy])
    place.line.cut_at_next_commit(Cut.AFTER_THE_COMMIT, stays_cut=True)
    place.ledger.answered(order_of(copy), ACCEPTED, OrderState.ACCEPTED)
    begun = time.monotonic()

    assert not place.ledger.close(0.5)

    assert time.monotonic() - begun < 10


def test_what_is_queued_while_the_server_is_gone_is_written_later_in_its_order(
    server: Server, postgresql: str, clock: SetClock
) -> None:
    signal, another = signal_of(), signal_of("O2")
    copy = copy_of(signal)
    with Ledger(postgresql, clock, retry_s=0.05) as ledger:
        ledger.record_plan(signal, [copy])
        server.stop()
        try:
            ledger.answered(order_of(copy), ACCEPTED, OrderState.ACCEPTED, 12.5)
            assert not ledger.flush(0.3)
            ledger.settled(order_of(copy), report_of(fill_of()), OrderState.FILLED)
            for asked in (
                lambda: ledger.record_plan(another, [copy_of(another)]),
                lambda: ledger.intend(master_order()),
                ledger.kill_switch,
                ledger.take_command,
                ledger.copied_coins,
            ):
                with pytest.raises(LedgerUnavailable):
                    asked()
            assert not ledger.healthy
        finally:
            server.start()

        assert ledger.flush(30)
        states = [event.to_state for event in ledger.views.events_of(copy.client_order_id)]
        assert states == [OrderState.SUBMITTING, OrderState.ACCEPTED, OrderState.FILLED]
        assert ledger.copied_coins() == {(DAIVON, "BTC-USD"): QUANTITY}
        assert ledger.views.master_orders() == []
        assert ledger.healthy
        assert ledger.record_plan(another, [copy_of(another)])


@pytest.mark.parametrize("cut", Cut)
def test_a_command_of_which_nobody_can_tell_is_one_when_it_is_asked_again(place: Place, cut: Cut) -> None:
    trade = {"symbol": "BTC-USD"}
    place.line.cut_at_next_commit(cut, stays_cut=True)
    with pytest.raises(LedgerUnavailable, match=BROKEN):
        place.ledger.post_command("trade", trade, "k1")
    place.line.open = True
    eventually(lambda: place.ledger.healthy)

    numbers = {place.ledger.post_command("trade", trade, "k1") for _ in range(2)}

    assert {(one,) for one in numbers} == {*rows(place.direct, "SELECT id FROM commands")}
    assert len(numbers) == 1


def test_switch_and_commands_are_seen_again_when_the_server_is_back(
    server: Server, postgresql: str, clock: SetClock
) -> None:
    with Ledger(postgresql, clock) as ledger, Ledger(postgresql, clock) as operator:
        server.stop()
        server.start()
        operator.set_kill_switch("prices look wrong", "operator")
        number = operator.post_command("trade", {"symbol": "BTC-USD"})

        switch, command = ledger.kill_switch(), ledger.take_command()
        assert switch is not None
        assert command is not None
        assert (switch.reason, command.id, operator.take_command()) == ("prices look wrong", number, None)
    views = open_views(postgresql)
    assert views.command(number).taken_at is not None
    views.close()


def test_what_others_hold_up_for_too_long_is_given_up(postgresql: str, clock: SetClock) -> None:
    signal = signal_of()
    with Ledger(postgresql, clock, busy_timeout_s=0.2) as ledger:
        engine = create_engine(postgresql)
        with engine.begin() as other:
            other.exec_driver_sql("LOCK TABLE signals IN EXCLUSIVE MODE")
            with pytest.raises(LedgerUnavailable, match="lock timeout; end the other program that holds it"):
                ledger.record_plan(signal, [copy_of(signal)])
        engine.dispose()

        assert ledger.record_plan(signal, [copy_of(signal)])
