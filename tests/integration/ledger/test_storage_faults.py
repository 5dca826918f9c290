"""A disk that is full or broken, a file that another process holds: no plan, no order; answers are kept.

The faults are real ones: the system's own errors, put under the ledger's open files.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted
from bot.ledger.entry import open_views, url_of
from bot.ledger.journal import Ledger
from tests.integration.ledger.looking import eventually, is_sound
from tests.unit.ledger.builders import (
    DAIVON,
    QUANTITY,
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

#: Of this process, by number (Linux).
OPEN_FILES = Path("/proc/self/fd")

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    """Another program has begun to write and does not end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            other.communicate()


@contextmanager
def written_to(device: str, path: Path) -> Iterator[None]:
    """What this process writes to the WAL of a file goes to a device that fails in its own way."""
    with closing(sqlite3.connect(path)) as other:
        # Nothing is in the WAL then that would have to be read from it. Beside another checkpoint, the ledger's own,
        # SQLite refuses this one at once, whatever time-out there is.
        eventually(lambda: other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0))
    wal = os.path.realpath(f"{path}-wal")
    found = [int(link.name) for link in OPEN_FILES.iterdir() if _target_of(link) == wal]
    swapped = {number: os.dup(number) for number in found}
    assert swapped
    instead = os.open(device, os.O_RDWR)
    for number in swapped:
        os.dup2(instead, number)
    try:
        yield
    finally:
        for number, original in swapped.items():
            os.dup2(original, number)
            os.close(original)
        os.close(instead)


def _target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return "closed meanwhile"


@pytest.fixture
def opened(path: Path, clock: SetClock) -> Iterator[Ledger]:
    with Ledger(url_of(path), clock, busy_timeout_s=0.2, retry_s=0.05) as ledger:
        yield ledger


FAULTS = {
    "held by another process": (held_by_another_process, "database is locked; end the other program"),
    "disk full": (lambda path: written_to("/dev/full", path), "disk is full; make room on the disk"),
    # Takes every byte, and cannot be flushed to a disk.
    "no fsync": (lambda path: written_to("/dev/null", path), "disk I/O error; check the disk"),
}
with_every_fault = pytest.mark.parametrize(("fault", "told"), FAULTS.values(), ids=FAULTS)


@with_every_fault
def test_nothing_may_be_sent_and_nothing_is_recorded_later(opened: Ledger, path: Path, fault, told: str) -> None:
    before, signal, order = signal_of("O1"), signal_of("O2"), master_order()
    opened.record_plan(before, copies_for(before, users(20)))
    with fault(path):
        with pytest.raises(LedgerUnavailable, match=told):
            opened.record_plan(signal, copies_for(signal, users(20)))
        with pytest.raises(LedgerUnavailable, match=told):
            opened.intend(order)
        assert told.split(";")[0] in opened.last_error
        assert not opened.healthy

    assert opened.flush(30)
    assert [row.order_id for row in opened.views.recent_signals()] == ["O1"]
    assert opened.views.master_orders() == []
    assert opened.record_plan(signal, copies_for(signal, users(20)))
    opened.intend(order)
    assert opened.healthy
    assert is_sound(url_of(path))


@with_every_fault
def test_what_venues_answered_is_kept_and_written_later(opened: Ledger, path: Path, fault, told: str) -> None:
    signal = signal_of()
    copies = copies_for(signal, users(20))
    opened.record_plan(signal, copies)
    with fault(path):
        for number, copy in enumerate(copies):
            opened.answered(order_of(copy), Accepted(VenueOrderId(f"V{number}")), OrderState.ACCEPTED)
            opened.settled(order_of(copy), report_of(fill_of(f"T{number}")), OrderState.FILLED)
        assert not opened.flush(0.5)
        assert told.split(";")[0] in opened.last_error

    assert opened.flush(30)
    assert {row.state for row in opened.views.copies_of(signal.signal_id)} == {OrderState.FILLED}
    assert opened.copied_coins() == {(account, "BTC-USD"): QUANTITY for account in users(20)}
    states = [event.to_state for event in opened.views.events_of(copies[0].client_order_id)]
    assert states == [OrderState.SUBMITTING, OrderState.ACCEPTED, OrderState.FILLED]


@with_every_fault
def test_after_a_fault_the_file_is_whole_for_the_next_process(path: Path, clock: SetClock, fault, told: str) -> None:
    before, lost = signal_of("O1"), signal_of("O2")
    ledger = Ledger(url_of(path), clock, busy_timeout_s=0.2, retry_s=0.05)
    ledger.open()
    ledger.record_plan(before, [copy_of(before)])
    with fault(path):
        with pytest.raises(LedgerUnavailable, match=told):
            ledger.record_plan(lost, [copy_of(lost)])
        ledger.answered(order_of(copy_of(before)), ACCEPTED, OrderState.ACCEPTED)
        assert not ledger.close(0.2)

    views = open_views(path)
    assert [row.order_id for row in views.recent_signals()] == ["O1"]
    assert [row.state for row in views.recent_copies(user=DAIVON.name)] == [OrderState.SUBMITTING]
    views.close()
    assert is_sound(url_of(path))
