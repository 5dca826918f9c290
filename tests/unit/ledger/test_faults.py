"""A database that is locked, full or broken: nothing is sent, nothing is lost, and it says so."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from bot.domain.enums import OrderState
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted
from bot.ledger.entry import open_views, url_of
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import (
    DAIVON,
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

ACCEPTED = Accepted(VenueOrderId("OU22CG-KLAF2-FWUDD7"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the write lock of the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(ledger: Ledger, pages: int = 1) -> Iterator[None]:
    """No page can be added to the file any more."""

    def set_limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")

    limit = pages
    event.listen(Engine, "begin", set_limit)
    yield
    limit = 1_000_000
    try:
        assert ledger.flush(30)
    finally:
        event.remove(Engine, "begin", set_limit)


def test_a_plan_that_meets_a_lock_is_not_there_and_may_be_tried_again(ledger: Ledger, path: Path) -> None:
    signal = signal_of()
    with locked(path):
        with pytest.raises(LedgerUnavailable, match=r"ledger\.sqlite3 cannot be written: database is locked; end the"):
            ledger.record_plan(signal, [copy_of(signal)])
        assert not ledger.healthy
        assert "locked" in ledger.last_error

    assert ledger.views.recent_signals() == []
    assert ledger.record_plan(signal, [copy_of(signal)])
    assert ledger.healthy
    assert ledger.last_error == ""


def test_a_lock_that_is_short_is_only_waited_for(path: Path, clock: SetClock) -> None:
    with (
        Ledger(url_of(path), clock, busy_timeout_s=5) as ledger,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.1, lambda: other.execute("ROLLBACK")).start()

        ledger.intend(master_order())

        assert len(ledger.views.master_orders()) == 1


def test_an_order_that_meets_a_lock_may_not_leave(ledger: Ledger, path: Path) -> None:
    with locked(path), pytest.raises(LedgerUnavailable):
        ledger.intend(master_order())

    assert ledger.views.master_orders() == []


def test_answers_and_fills_outlast_a_lock_in_their_order(ledger: Ledger, path: Path) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    with locked(path):
        ledger.answered(order_of(copy), ACCEPTED, OrderState.ACCEPTED, 12.5)
        assert not ledger.flush(0.4)
        ledger.settled(order_of(copy), report_of(fill_of()), OrderState.FILLED)
        with pytest.raises(LedgerUnavailable):
            ledger.intend(master_order())

    assert ledger.flush(30)
    [row] = ledger.views.copies_of(signal.signal_id)
    assert (row.state, row.milliseconds, row.executed) == (OrderState.FILLED, 12.5, fill_of().quantity)
    states = [line.to_state for line in ledger.views.events_of(copy.client_order_id)]
    assert states == [OrderState.SUBMITTING, OrderState.ACCEPTED, OrderState.FILLED]


def test_a_ledger_without_work_notices_by_itself_that_the_lock_is_gone(ledger: Ledger, path: Path) -> None:
    with locked(path), pytest.raises(LedgerUnavailable):
        ledger.intend(master_order())
    assert not ledger.healthy

    watched = threading.Event()
    for _ in range(100):
        if ledger.healthy or watched.wait(0.02):
            break

    assert ledger.healthy


def test_coins_are_not_told_before_their_fills_are_written(ledger: Ledger, path: Path) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    ledger.answered(order_of(copy), ACCEPTED, OrderState.ACCEPTED)
    assert ledger.flush(30)
    with locked(path):
        ledger.settled(order_of(copy), report_of(fill_of()), OrderState.FILLED)
        with pytest.raises(LedgerUnavailable, match="locked"):
            ledger.copied_coins()

    assert ledger.copied_coins() == {(DAIVON, "BTC-USD"): fill_of().quantity}


def test_a_full_disk_stops_new_orders_and_keeps_what_venues_answered(ledger: Ledger) -> None:
    signal = signal_of()
    copies = copies_for(signal, users(200))
    ledger.record_plan(signal, copies)
    another = signal_of("O2")
    with full(ledger):
        with pytest.raises(LedgerUnavailable, match="disk is full; make room on the disk"):
            ledger.record_plan(another, copies_for(another, users(500)))
        for copy in copies:
            ledger.answered(order_of(copy), Accepted(VenueOrderId(f"V-{copy.account}" * 8)), OrderState.ACCEPTED)
        assert not ledger.flush(0.3)
        assert not ledger.healthy

    assert ledger.healthy
    assert {row.state for row in ledger.views.copies_of(signal.signal_id)} == {OrderState.ACCEPTED}
    assert ledger.views.copies_of(another.signal_id) == []
    assert [row.signal_id for row in ledger.views.recent_signals()] == [signal.signal_id]


def test_one_bad_entry_takes_no_other_of_its_group_with_it(path: Path, clock: SetClock) -> None:
    signal = signal_of()
    good, bad, also_good = copies = [copy_of(signal, account) for account in (DAIVON, *users(1), TANIA)]
    with Ledger(url_of(path), clock, linger_s=0.2) as ledger:
        ledger.record_plan(signal, copies)
        unreadable = replace(report_of(fill_of("T0")), cost=Decimal("NaN"))
        for copy in (good, also_good):
            ledger.answered(order_of(copy), ACCEPTED, OrderState.ACCEPTED)
        ledger.answered(order_of(bad), ACCEPTED, OrderState.ACCEPTED)
        ledger.settled(order_of(bad), unreadable, OrderState.FILLED)
        for number, copy in enumerate((good, also_good), start=1):
            ledger.settled(order_of(copy), report_of(fill_of(f"T{number}")), OrderState.FILLED)

        assert ledger.flush(30)
        states = {row.account: row.state for row in ledger.views.copies_of(signal.signal_id)}
        last = ledger.views.events_of(bad.client_order_id)[-1]
        assert set(ledger.copied_coins()) == {(DAIVON, "BTC-USD"), (TANIA, "BTC-USD")}
        assert ledger.healthy

    assert states == {DAIVON: OrderState.FILLED, TANIA: OrderState.FILLED, bad.account: OrderState.ACCEPTED}
    assert last.detail.startswith("not written: Settled (")


def test_one_waited_fault_takes_no_other_of_its_group_with_it(path: Path, clock: SetClock) -> None:
    with Ledger(url_of(path), clock, linger_s=0.2) as ledger:
        ledger.intend(master_order("first"))
        ledger.record_account(DAIVON, True, "ready", Decimal("1.5"), None)
        with pytest.raises(IllegalTransition):
            ledger.intend(master_order("first"))

        assert ledger.flush(30)
        assert [row.balance for row in ledger.views.accounts()] == [Decimal("1.5")]


def test_closing_writes_what_is_queued(path: Path, clock: SetClock) -> None:
    ledger = Ledger(url_of(path), clock, linger_s=30)
    ledger.open()
    for account in users(50):
        ledger.record_account(account, True, "ready", None, None)

    assert ledger.close()

    views = open_views(path)
    assert len(views.accounts()) == 50
    views.close()


def test_what_could_not_be_written_before_the_end_is_logged_in_full(
    path: Path, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(url_of(path), clock, busy_timeout_s=0.05)
    ledger.open()
    with locked(path), caplog.at_level(logging.ERROR):
        ledger.record_account(DAIVON, True, "ready", Decimal("1034.55"), None)
        assert not ledger.close(0.3)
        ledger.record_account(TANIA, True, "ready", Decimal("77.01"), None)

    assert any("1034.55" in record.getMessage() for record in caplog.records)
    assert any("77.01" in record.getMessage() for record in caplog.records)


def test_nothing_is_promised_by_a_ledger_that_is_not_open(path: Path, clock: SetClock) -> None:
    ledger = Ledger(url_of(path), clock)
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.intend(master_order())

    ledger.open()
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.record_plan(signal_of(), [])
