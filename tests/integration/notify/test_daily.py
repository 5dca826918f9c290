"""The daily summary, from a real ledger and over restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.notices import DailySummary
from bot.domain.enums import BrokerType, OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.orders import Refused
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.ledger.journal import Ledger
from bot.ledger.rows import BalanceRow, CopyRow, SignalRow
from bot.reporting.events import EventHub
from bot.reporting.live import EngineState, SystemState
from tests.fakes.clock import SettableClock
from tests.integration.notify.test_notices import an_account
from tests.unit.ledger.builders import DAIVON, copies_for, copy_of, order_of, signal_of, users

ANNA = AccountId("anna", BrokerType.KRAKEN)
HOUR = 3600.0


def at(day: int, hour: int, minute: int = 0) -> float:
    return datetime(2026, 9, day, hour, minute, tzinfo=UTC).timestamp()


class NoViews:
    """A ledger with nothing in it; ``away`` when it cannot be read."""

    away = False

    def recent_signals(self, limit: int = 20) -> list[SignalRow]:
        if self.away:
            raise LedgerUnavailable("gone")
        return []

    def recent_copies(self, limit: int = 20) -> list[CopyRow]:
        return []

    def balance_history(self, since: float, account: AccountId | None = None) -> list[BalanceRow]:
        return []


class Days:
    """A bot that is started, stopped and looked at on some days of September 2026."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.views = folder, NoViews()
        self.clock = SettableClock(at(20, 12))
        self.events: list[OperatorEvent] = []
        self.hub = EventHub(self.clock)
        self.hub.listen(self.events.append)
        engine = EngineState(alive=True, observing=False, heartbeat_age_s=0.0, waiting=0)
        self.state = SystemState(0.0, engine, None, "", {}, (an_account(ANNA, equity=Decimal(110)),))
        self.restart()

    def restart(self) -> None:
        self.daily = DailySummary("07:00", self.folder, self.views, self.clock)

    def look(self, moment: float) -> list[str]:
        """The summaries that are told at that moment."""
        self.clock.step_wall(moment - self.clock.time())
        before = len(self.events)
        self.daily.tell_if_due(self.hub, self.state, [], [])
        return [event.text for event in self.events[before:]]


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


def test_it_comes_at_its_minute_and_once_a_day(days: Days) -> None:
    told = [
        (day, hour, minute)
        for day in (20, 21, 22)
        for hour in range(24)
        for minute in (0, 1, 59)
        if days.look(at(day, hour, minute))
    ]
    assert told == [(20, 7, 0), (21, 7, 0), (22, 7, 0)]


def test_a_restart_does_not_repeat_it(days: Days) -> None:
    days.look(at(20, 12))
    assert len(days.look(at(21, 7))) == 1
    days.restart()
    assert days.look(at(21, 7, 1)) == []
    assert len(days.look(at(22, 7))) == 1


def test_a_bot_that_was_down_at_that_minute_tells_it_when_it_is_back(days: Days) -> None:
    days.look(at(20, 12))
    days.restart()
    assert len(days.look(at(21, 9, 30))) == 1
    days.restart()
    assert days.look(at(21, 10)) == []


def test_after_a_week_there_is_one_summary_of_two_days(days: Days) -> None:
    days.look(at(20, 12))
    days.restart()
    assert len(days.look(at(28, 9))) == 1
    assert days.events[-1].detail.startswith("since Sep 26 09:00 UTC")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"last": "soon"}', '{"last": null}', "\x00"])
def test_a_file_that_cannot_be_read_begins_the_day_anew(days: Days, content: str) -> None:
    (days.folder / "daily_summary.json").write_text(content)
    assert days.look(at(20, 12)) == []
    assert len(days.look(at(21, 7))) == 1


def test_a_clock_that_was_years_ahead_does_not_silence_it(days: Days) -> None:
    (days.folder / "daily_summary.json").write_text(json.dumps({"last": at(20, 12) + 9e8}))
    assert days.look(at(20, 12)) == []
    assert len(days.look(at(21, 7))) == 1


def test_a_folder_that_cannot_be_written_does_not_repeat_it_within_one_run(tmp_path: Path) -> None:
    days = Days(tmp_path / "missing")
    days.look(at(20, 12))
    assert len(days.look(at(21, 7))) == 1
    assert days.look(at(21, 7, 1)) == []


def test_without_a_ledger_that_is_said(days: Days) -> None:
    days.look(at(20, 12))
    days.views.away = True
    assert days.look(at(21, 7)) == ["The day is not known, the ledger cannot be read: gone"]
    assert days.look(at(21, 7, 1)) == []


def test_restarts_are_those_since_the_last_one(days: Days) -> None:
    days.look(at(20, 12))
    days.state = replace(days.state, restarts={"copy engine": 2})
    days.look(at(21, 7))
    assert "restarted: copy engine 2x" in days.events[-1].detail
    days.state = replace(days.state, restarts={"copy engine": 2, "accounts": 1})
    days.look(at(22, 7))
    assert "restarted: accounts 1x" in days.events[-1].detail


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    clock = SettableClock(at(20, 12))
    found = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3", clock)
    found.open()
    yield found
    found.close(5.0)


def test_the_equity_is_that_of_the_ledgers_history(tmp_path: Path, ledger: Ledger) -> None:
    ledger.record_account(ANNA, True, "connected", Decimal(100), Decimal(100))
    ledger.flush(30)
    days = days_of(tmp_path, ledger)
    assert days.look(at(21, 7)) == ["0 signals: 0 copied, 0 skipped, 0 failed"]
    assert days.events[-1].kind is EventKind.DAILY_SUMMARY
    assert "anna:kraken: $110.00 (+$10.00, +10.0 %)" in days.events[-1].detail


def days_of(folder: Path, ledger: Ledger) -> Days:
    """Days of a bot that was first looked at a minute before the ledger's rows."""
    days = Days(folder)
    days.daily = DailySummary("07:00", folder, ledger.views, days.clock)
    days.look(at(20, 11, 59))
    return days


def test_the_copies_are_those_of_the_ledger(tmp_path: Path, ledger: Ledger) -> None:
    for number in range(30):
        signal = signal_of(f"O-{number}")
        copies = copies_for(signal, users(20))
        too_small = Refused("too small", "below $10")
        copies.append(copy_of(signal, DAIVON, OrderState.SKIPPED, too_small, reason=str(too_small)))
        assert ledger.record_plan(signal, copies)
        for index, copy in enumerate(copies[:3]):
            outcome = (Accepted(VenueOrderId(f"V-{number}")), Rejected("no funds"), Unknown("timed out"))[index]
            state = (OrderState.ACCEPTED, OrderState.REJECTED, OrderState.UNKNOWN)[index]
            ledger.answered(order_of(copy), outcome, state, 100.0 + number)
    assert ledger.flush(30)
    days = days_of(tmp_path, ledger)
    (text,) = days.look(at(21, 7))
    assert text == "30 signals: 30 copied, 30 skipped, 30 failed, 30 unclear, 510 waiting"
    assert "skipped: 30 too small" in days.events[-1].detail
    assert "latency: median 114 ms, worst 129 ms" in days.events[-1].detail
    assert days.look(at(22, 7)) == ["0 signals: 0 copied, 0 skipped, 0 failed"]


def test_a_clock_that_is_set_back_while_the_bot_runs_does_not_silence_it(days: Days) -> None:
    days.look(at(20, 12))
    assert len(days.look(at(20, 12) + 9e6)) == 1
    assert days.look(at(20, 12, 1)) == []
    assert len(days.look(at(21, 7))) == 1
