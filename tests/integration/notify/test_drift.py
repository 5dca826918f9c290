"""What the watch over the followers says reaches whoever tells."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from bot.app.resync import ResyncWatch
from bot.broker_manager import BrokerManager
from bot.domain.ids import AccountId
from bot.ledger.history import HistoryQueries
from tests.fakes.clock import SettableClock
from tests.unit.app.test_resync_watch import FakeEntry, FakeManager, FakeViews
from tests.unit.copying.resync.rows import ANNA, Recorded, a_user


class Watch:
    """A watch over anna, and what it tells."""

    def __init__(self) -> None:
        self.story = Recorded(a_user())
        self.views, self.clock = FakeViews(self.story), SettableClock(100_000.0)
        self.told: list[tuple[AccountId, str, str]] = []
        manager = FakeManager([FakeEntry(self.story.user)])
        self._watch = ResyncWatch(
            cast(HistoryQueries, self.views),
            cast(BrokerManager, manager),
            self.clock,
            lambda *one: self.told.append(one),
        )

    def look(self, times: int) -> None:
        for _ in range(times):
            self.clock.advance(5.0)
            self._watch.look()


def test_a_drift_is_told_once_and_that_it_is_over() -> None:
    watch = Watch()
    watch.story.buy("0.1", "0.01")
    watch.story.lose("0.005")
    watch.look(6)
    ((account, symbol, line),) = watch.told
    assert (account, symbol) == (ANNA, "BTC-USD")
    assert "should have 0.01000000, has 0.005" in line
    assert "python bot.py resync" in line
    watch.story.coins["BTC-USD"] += Decimal("0.005")
    watch.story.adjustments.clear()
    watch.views.events += 1
    watch.views.touched = {ANNA: len(watch.story.signals)}
    watch.look(6)
    assert watch.told[1:] == [(ANNA, "BTC-USD", "")]


def test_nothing_is_told_of_who_is_in_step() -> None:
    watch = Watch()
    watch.story.buy("0.1", "0.01")
    watch.look(6)
    assert watch.told == []
