"""What the running bot tells of itself, by the states that it goes through."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.app.notices import Notices
from bot.domain.enums import BrokerType
from bot.domain.errors import LedgerUnavailable
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.ledger.switches import KillSwitch
from bot.reporting.events import EventHub
from bot.reporting.live import AccountState, EngineState, SystemState
from bot.reporting.telling import EventTeller
from tests.fakes.clock import SettableClock

MASTER = AccountId.master(BrokerType.KRAKEN)
NAMES = ("anna", "bob", "carl")


def an_account(account: AccountId, **fields: Any) -> AccountState:
    state = AccountState(
        account=account,
        name=account.name,
        role=account.account_type,
        follows=None,
        connected=True,
        paused=False,
        barred=False,
        status="connected",
        entries_stopped="",
        balance=Decimal(100),
        equity=Decimal(100),
        balances_at=0.0,
        waiting_orders=0,
        lane_alive=True,
    )
    return replace(state, **fields)


class Bot:
    """A bot whose state is what the test says, and what it tells."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        accounts = [MASTER, *(AccountId(name, BrokerType.KRAKEN) for name in NAMES)]
        self.accounts = {one.name: an_account(one) for one in accounts}
        self.engine = EngineState(alive=True, observing=False, heartbeat_age_s=0.5, waiting=0)
        self.stopped: str | None = None
        self.ledger_error = ""
        self.restarts: dict[str, int] = {}
        self.left_out: dict[AccountId, str] = {}
        self.switch: KillSwitch | Exception | None = None
        self.events: list[OperatorEvent] = []
        hub = EventHub(self.clock)
        hub.listen(self.events.append)
        teller = EventTeller(hub, self.clock)
        self.notices = Notices(self, hub, self.clock, teller, lambda: self.left_out, self._kill_switch)

    def state(self) -> SystemState:
        accounts = tuple(self.accounts.values())
        return SystemState(0.0, self.engine, self.stopped, self.ledger_error, dict(self.restarts), accounts)

    def _kill_switch(self) -> KillSwitch | None:
        if isinstance(self.switch, Exception):
            raise self.switch
        return self.switch

    def change(self, *names: str, **fields: Any) -> None:
        for name in names:
            self.accounts[name] = replace(self.accounts[name], **fields)

    def run(self, seconds: float = 1.0) -> list[OperatorEvent]:
        """Let time pass, with a look every second; what was told meanwhile."""
        before = len(self.events)
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            self.notices.look()
        return self.events[before:]


@pytest.fixture
def bot() -> Bot:
    found = Bot()
    found.run()
    found.events.clear()
    return found


def told(events: list[OperatorEvent]) -> list[tuple[EventKind, bool]]:
    return [(event.kind, event.serious) for event in events]


def test_the_start_is_told_with_who_is_missing() -> None:
    bot = Bot()
    bot.change("bob", connected=False, status="invalid key")
    bot.left_out[AccountId("dora", BrokerType.ALPACA)] = "no such venue"
    bot.stopped = "too hot"
    (event,) = bot.run()
    assert (event.kind, event.serious) == (EventKind.STARTED, True)
    assert event.text == "The bot runs, 3 of 5 accounts are connected; trading is STOPPED: too hot"
    assert event.detail.splitlines() == [
        "not connected: dora:alpaca: no such venue",
        "not connected: bob:kraken: not connected (invalid key)",
    ]
    assert bot.run(120) == []
    bot.change("bob", connected=True)
    assert told(bot.run()) == [(EventKind.ACCOUNT_BACK, False)]


def test_a_good_start_is_told_quietly() -> None:
    (event,) = Bot().run()
    assert (event.text, event.serious) == ("The bot runs, 4 of 4 accounts are connected", False)


def test_nothing_is_told_while_all_is_well(bot: Bot) -> None:
    assert bot.run(300) == []


@pytest.mark.parametrize(
    "fields", [{"alive": False}, {"heartbeat_age_s": 12.0}], ids=["thread is gone", "heartbeat is old"]
)
def test_an_engine_that_stands_still_is_told_once_and_that_it_is_back(bot: Bot, fields: dict[str, Any]) -> None:
    well = bot.engine
    bot.engine = replace(well, waiting=7, **fields)
    events = bot.run(60)
    assert told(events) == [(EventKind.ENGINE_STOPPED, True)]
    assert "7 signals wait" in events[0].text
    bot.engine = well
    assert told(bot.run(5)) == [(EventKind.ENGINE_STOPPED, False)]


def test_an_engine_that_is_started_again_within_a_moment_is_told_as_that(bot: Bot) -> None:
    well = bot.engine
    bot.engine = replace(well, alive=False)
    assert bot.run(2) == []
    bot.engine, bot.restarts = well, {"copy engine": 1}
    bot.run(5)
    assert [event.text for event in bot.events] == ["The copy engine died and was started again; the log says why"]


def test_a_lost_account_is_told_after_a_minute_and_when_it_is_back(bot: Bot) -> None:
    bot.change("anna", connected=False, status="read timed out")
    assert bot.run(60) == []
    (event,) = bot.run(20)
    assert (event.kind, event.account, event.serious) == (EventKind.ACCOUNT_LOST, bot.accounts["anna"].account, False)
    assert event.text == "anna:kraken: not connected (read timed out), since 14:13 UTC"
    assert bot.run(600) == []
    bot.change("anna", connected=True)
    (back,) = bot.run(5)
    assert (back.kind, back.text) == (EventKind.ACCOUNT_BACK, "anna:kraken trades again; it was away since 14:13 UTC")


def test_a_blip_is_not_told(bot: Bot) -> None:
    for _ in range(5):
        bot.change("anna", connected=False)
        assert bot.run(59) == []
        bot.change("anna", connected=True)
        assert bot.run(59) == []


def test_where_the_network_is_gone_all_accounts_are_one_event(bot: Bot) -> None:
    for name in bot.accounts:
        bot.change(name, connected=False, status="no route")
        bot.run(3)
    (event,) = bot.run(120)
    assert (event.account, event.serious) == (None, True)
    assert event.text.startswith("4 accounts cannot trade: anna:kraken, bob:kraken")
    assert event.detail.splitlines()[0].startswith("master:kraken: not connected")
    bot.change(*bot.accounts, connected=True)
    (back,) = bot.run(5)
    assert back.text.startswith("4 accounts trade again")


@pytest.mark.parametrize(
    "fields", [{"barred": True}, {"paused": True}, {"lane_alive": False}], ids=["barred", "paused", "thread died"]
)
def test_an_account_that_cannot_trade_is_lost_too(bot: Bot, fields: dict[str, Any]) -> None:
    bot.change("anna", **fields)
    assert told(bot.run(80)) == [(EventKind.ACCOUNT_LOST, False)]


def test_an_account_that_was_taken_out_is_not_missed(bot: Bot) -> None:
    bot.change("anna", connected=False)
    bot.run(30)
    del bot.accounts["anna"]
    assert bot.run(120) == []


def test_a_ledger_that_fails_is_told_and_that_it_works_again(bot: Bot) -> None:
    bot.ledger_error = "disk full"
    (event,) = bot.run(60)
    assert (event.kind, event.serious) == (EventKind.LEDGER_FAILED, True)
    assert event.text.endswith("disk full")
    bot.ledger_error = ""
    assert told(bot.run(5)) == [(EventKind.LEDGER_FAILED, False)]


def test_the_kill_switch_is_told_with_who_set_it(bot: Bot) -> None:
    bot.switch = KillSwitch("too hot", "nia", bot.clock.time())
    bot.stopped = "too hot"
    (event,) = bot.run(10)
    assert (event.kind, event.serious) == (EventKind.KILL_SWITCH, True)
    assert event.text == "The kill switch is ON, set by nia at 14:13 UTC: too hot"
    assert "python bot.py resume" in event.detail
    bot.stopped = None
    (event,) = bot.run(10)
    assert (event.kind, event.serious) == (EventKind.KILL_SWITCH, False)


def test_the_kill_switch_is_told_although_the_ledger_cannot_be_read(bot: Bot) -> None:
    bot.switch = LedgerUnavailable("gone")
    bot.stopped = "too hot"
    (event,) = bot.run(10)
    assert event.text == "The kill switch is ON: too hot"


def test_observe_mode_is_told(bot: Bot) -> None:
    bot.engine = replace(bot.engine, observing=True)
    (event,) = bot.run(10)
    assert event.text.startswith("Observe mode is ON")
    bot.engine = replace(bot.engine, observing=False)
    (event,) = bot.run(10)
    assert event.text.startswith("Observe mode is off")


def test_drift_of_one_look_is_one_event(bot: Bot) -> None:
    anna, bob = bot.accounts["anna"].account, bot.accounts["bob"].account
    bot.notices.drifted(anna, "BTC-USD", "anna drifts")
    (event,) = bot.run(5)
    assert (event.kind, event.text, event.account) == (EventKind.DRIFT, "anna drifts", anna)
    bot.notices.drifted(anna, "ETH-USD", "anna drifts again")
    bot.notices.drifted(bob, "BTC-USD", "bob drifts")
    bot.notices.drifted(bob, "ETH-USD", "bob drifts for a moment")
    bot.notices.drifted(bob, "ETH-USD", "")
    (event,) = bot.run(5)
    assert event.text == "2 accounts are out of step with their masters: anna:kraken, bob:kraken"
    assert event.detail.splitlines() == ["anna drifts again", "bob drifts"]


def test_the_end_is_told_once(bot: Bot) -> None:
    bot.notices.stopping()
    bot.notices.stopping()
    assert [event.kind for event in bot.events] == [EventKind.STOPPED]
