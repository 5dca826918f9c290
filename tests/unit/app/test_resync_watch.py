"""What is said of followers that are not in step, and when."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pytest

from bot.app.resync import ResyncWatch
from bot.broker_manager import BrokerManager
from bot.domain.enums import OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import AccountBalances
from bot.ledger.history import History, HistoryMark, HistoryQueries, SignalStep
from bot.settings.users import UserSettings
from tests.fakes.clock import SettableClock
from tests.unit.copying.resync.rows import ANNA, MASTER, Recorded, a_user


@dataclass
class FakeViews:
    """The ledger of one account's story; every row of it is an event."""

    story: Recorded
    events: int = 0
    away: bool = False
    asked: list[tuple[tuple[AccountId, ...], int]] = field(default_factory=list)
    touched: dict[AccountId, int] = field(default_factory=dict)

    def history_mark(self) -> HistoryMark:
        if self.away:
            raise LedgerUnavailable("gone")
        return HistoryMark(len(self.story.signals), self.events, len(self.story.adjustments))

    def touched_since(self, mark: HistoryMark) -> dict[AccountId, int]:
        found, self.touched = self.touched, {}
        return found

    def history(self, accounts: Collection[AccountId], after: int = 0) -> History:
        self.asked.append((tuple(accounts), after))
        return self.story.history(after)

    def last_signals(self) -> list[SignalStep]:
        return self.story.signals[-1:]


@dataclass
class FakeEntry:
    user: UserSettings


@dataclass
class FakeManager:
    users: list[FakeEntry]
    balances: AccountBalances | None = None

    def broker(self, account: AccountId) -> Any:
        return self

    @property
    def settled_balances(self) -> AccountBalances | None:
        return self.balances


class Watched:
    """A watch on fakes, and what it says."""

    def __init__(self, caplog: pytest.LogCaptureFixture, **user: Any) -> None:
        self.story = Recorded(a_user(**user))
        self.views = FakeViews(self.story)
        self.clock = SettableClock(100_000.0)
        self.manager = FakeManager([FakeEntry(self.story.user)])
        self._caplog = caplog
        self.watch = ResyncWatch(cast(HistoryQueries, self.views), cast(BrokerManager, self.manager), self.clock)
        caplog.set_level(logging.INFO, "nija.resync")

    def touch(self) -> None:
        """The ledger tells that anna's last copy changed."""
        self.views.events += 1
        self.views.touched = {ANNA: len(self.story.signals)}

    def look(self, after_s: float = 5.0) -> list[tuple[str, str]]:
        """Look once, so many seconds later; the lines that come of it."""
        self.clock.advance(after_s)
        self._caplog.clear()
        self.watch.look()
        return [(record.levelname, record.getMessage()) for record in self._caplog.records]


@pytest.fixture
def watched(caplog: pytest.LogCaptureFixture) -> Watched:
    return Watched(caplog)


def test_a_drift_is_said_once_it_has_stood_for_ten_seconds_and_once_only(watched: Watched) -> None:
    watched.story.skip("kill switch")
    assert [watched.look() for _ in range(2)] == [[], []]
    ((level, line),) = watched.look()
    assert level == "WARNING"
    assert line.startswith("⚖️ anna:kraken BTC-USD: should have 0.01")
    assert "kill switch 0.01" in line
    assert "$500.00" in line
    assert [watched.look() for _ in range(3)] == [[], [], []]


def test_a_drift_that_is_gone_before_is_not_said(watched: Watched) -> None:
    watched.story.buy("0.1", "0.01")
    watched.story.lose("0.005")
    watched.look()
    watched.story.coins["BTC-USD"] += Decimal("0.005")
    watched.story.adjustments.clear()
    watched.touch()
    assert [watched.look() for _ in range(4)] == [[], [], [], []]


def test_the_end_of_a_drift_is_said(watched: Watched) -> None:
    watched.story.skip("kill switch")
    for _ in range(3):
        watched.look()
    watched.story.correct(Side.BUY, "0.01")
    watched.touch()
    assert [watched.look() for _ in range(2)] == [[], []]
    assert watched.look() == [("INFO", "⚖️ anna:kraken BTC-USD: in step with its master again")]
    assert watched.look() == []


@pytest.mark.parametrize(("further", "lines"), [("0.0001", 0), ("0.05", 1)], ids=["less than 1 %", "more"])
def test_a_change_is_said_where_it_is_more_than_a_hundredth(watched: Watched, further: str, lines: int) -> None:
    watched.story.skip("kill switch")
    for _ in range(3):
        watched.look()
    watched.story.skip("kill switch", further)
    watched.touch()
    assert sum(len(watched.look()) for _ in range(4)) == lines


def test_what_is_capped_or_on_its_way_is_not_said(watched: Watched) -> None:
    watched.story.buy("0.1", "0.002", note="capped at 10 % of the balance")
    watched.story.buy("0.1", "0.01", state=OrderState.UNKNOWN)
    assert [watched.look() for _ in range(4)] == [[], [], [], []]


def test_what_is_worth_less_than_a_dollar_is_not_said(watched: Watched) -> None:
    watched.story.skip("below minimum", "0.0001")
    assert [watched.look() for _ in range(4)] == [[], [], [], []]
    assert watched.watch.standings[0].correctable


def test_a_user_that_follows_nobody_is_not_compared(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(caplog, copy_from_master=False)
    watched.story.skip("kill switch")
    assert [watched.look() for _ in range(4)] == [[], [], [], []]
    assert watched.watch.standings == []


def test_a_ledger_that_is_away_is_said_once_and_read_as_nothing_else(watched: Watched) -> None:
    watched.story.skip("kill switch")
    for _ in range(3):
        watched.look()
    watched.views.away = True
    assert [level for level, _ in watched.look()] == ["ERROR"]
    assert [watched.look() for _ in range(4)] == [[], [], [], []]
    watched.views.away = False
    assert [watched.look() for _ in range(4)] == [[], [], [], []]
    assert watched.watch.standings[0].correctable == Decimal("0.01")


def test_nothing_is_read_again_where_nothing_changed(watched: Watched) -> None:
    watched.story.skip("kill switch")
    for _ in range(5):
        watched.look()
    assert watched.views.asked == [((ANNA,), 0)]


def test_only_what_came_after_what_is_settled_is_read_again(watched: Watched) -> None:
    watched.story.buy("0.1", "0.01")
    watched.look()
    watched.story.buy("0.1", "0.01")
    watched.touch()
    watched.look()
    assert watched.views.asked == [((ANNA,), 0), ((ANNA,), 1)]
    assert watched.watch.standings[0].has == Decimal("0.02")


def test_a_copy_that_changes_after_it_was_settled_is_read_anew(watched: Watched) -> None:
    watched.story.buy("0.1", "0.01")
    watched.look()
    watched.touch()
    watched.look()
    assert watched.views.asked == [((ANNA,), 0), ((ANNA,), 0)]


def test_coins_of_a_master_that_moved_without_a_trade_are_said_and_copied_by_nobody(watched: Watched) -> None:
    watched.story.buy("0.1", "0.01")
    watched.manager.balances = AccountBalances({"BTC": Decimal("0.3")}, at=10_000.0)
    assert [watched.look() for _ in range(2)] == [[], []]
    ((level, line),) = watched.look()
    assert level == "WARNING"
    assert f"{MASTER} BTC" in line
    assert "0.2 came without a trade" in line
    assert [watched.look() for _ in range(2)] == [[], []]


def test_a_master_that_cannot_be_asked_has_no_coins_that_went(watched: Watched) -> None:
    watched.story.buy("0.1", "0.01")
    assert [watched.look() for _ in range(4)] == [[], [], [], []]
    assert watched.watch.masters()[0].now is None
