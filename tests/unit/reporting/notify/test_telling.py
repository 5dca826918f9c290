"""Which announcements become operator events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId, SignalId
from bot.domain.signals import CopyTradeResult, TradeSignal
from bot.reporting.events import EventHub
from bot.reporting.telling import EventTeller
from tests.fakes.clock import SettableClock

MASTER = AccountId.master(BrokerType.KRAKEN)
SIGNAL = TradeSignal(
    BrokerType.KRAKEN, "BTC-USD", Side.BUY, Decimal(50_000), Decimal("0.1"), SizeType.BASE, "O-1", Decimal(10_000), 0.0
)


def a_result(name: str, state: OrderState, reason: str = "", signal_id: SignalId = SIGNAL.signal_id) -> CopyTradeResult:
    account = AccountId(name, BrokerType.KRAKEN)
    return CopyTradeResult(signal_id, account, "BTC-USD", Side.BUY, state, Decimal(100), Decimal("0.001"), reason)


class Desk:
    """A teller and what it told."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.events: list[OperatorEvent] = []
        hub = EventHub(self.clock)
        hub.listen(self.events.append)
        self.teller = EventTeller(hub, self.clock)

    def end(self, *results: CopyTradeResult) -> None:
        for result in results:
            self.teller.copy_ended(result)

    def look(self, after_s: float = 0.0) -> list[OperatorEvent]:
        self.clock.advance(after_s)
        self.teller.look()
        return self.events


def failed(name: str, reason: str = "insufficient funds", **fields: Any) -> CopyTradeResult:
    return a_result(name, OrderState.REJECTED, reason, **fields)


def test_copies_that_fail_in_one_signal_are_one_event_with_names_and_reasons() -> None:
    desk = Desk()
    results = [*(failed(f"user{number:02}") for number in range(19)), failed("zoe", "invalid key")]
    desk.end(*results)
    assert desk.events == []
    desk.teller.summary(SIGNAL, [*results, a_result("carl", OrderState.FILLED)])
    (event,) = desk.events
    assert event.kind is EventKind.COPY_FAILED
    assert event.text.startswith("BUY BTC-USD: 20 of 21 copies failed: user00:kraken, ")
    assert event.text.endswith("and 14 more")
    assert event.detail.splitlines()[-1] == "zoe:kraken: invalid key"
    assert event.detail.splitlines()[0].endswith("and 13 more: insufficient funds")
    assert desk.look(10) == [event]


def test_where_no_summary_comes_they_are_told_after_a_moment() -> None:
    desk = Desk()
    desk.end(failed("anna"))
    assert desk.look(2.9) == []
    (event,) = desk.look(0.1)
    assert event.account == AccountId("anna", BrokerType.KRAKEN)
    assert (event.text, event.detail) == ("BUY BTC-USD: 1 copy failed: anna:kraken", "insufficient funds")


def test_a_copy_that_fails_later_is_told_without_those_before() -> None:
    desk = Desk()
    desk.end(failed("anna"))
    desk.look(3)
    desk.end(failed("bob"))
    desk.teller.summary(SIGNAL, [failed("anna"), failed("bob")])
    assert [event.text for event in desk.look(10)] == [
        "BUY BTC-USD: 1 copy failed: anna:kraken",
        "BUY BTC-USD: 1 of 2 copies failed: bob:kraken",
    ]


def test_signals_are_told_apart() -> None:
    desk = Desk()
    desk.end(failed("anna"), failed("anna", signal_id=SignalId("another")))
    assert len(desk.look(3)) == 2


def test_an_unknown_outcome_is_serious_and_says_not_to_repeat_it() -> None:
    desk = Desk()
    desk.end(a_result("anna", OrderState.UNKNOWN, "read timed out"))
    (event,) = desk.look(3)
    assert (event.kind, event.serious) == (EventKind.UNKNOWN_OUTCOME, True)
    assert "do not repeat it by hand" in event.detail


def test_an_outcome_that_is_known_a_moment_later_is_not_told() -> None:
    desk = Desk()
    desk.end(a_result("anna", OrderState.UNKNOWN, "read timed out"))
    desk.teller.summary(SIGNAL, [a_result("anna", OrderState.FILLED)])
    assert desk.look(10) == []


def test_an_order_in_doubt_that_proves_absent_is_told_as_failed() -> None:
    desk = Desk()
    desk.end(a_result("anna", OrderState.UNKNOWN, "read timed out"))
    desk.look(3)
    desk.teller.summary(SIGNAL, [a_result("anna", OrderState.FAILED, "not at the venue")])
    assert [event.kind for event in desk.events] == [EventKind.UNKNOWN_OUTCOME, EventKind.COPY_FAILED]


def test_copies_that_went_well_or_were_skipped_tell_nothing() -> None:
    desk = Desk()
    results = [a_result("anna", OrderState.FILLED), a_result("bob", OrderState.SKIPPED, "too small")]
    desk.end(*results)
    desk.teller.summary(SIGNAL, results)
    assert desk.look(10) == []


def test_a_plan_that_the_ledger_did_not_take_is_serious() -> None:
    desk = Desk()
    desk.teller.plan_not_committed(SIGNAL, "disk full")
    assert [(event.kind, event.serious) for event in desk.events] == [(EventKind.LEDGER_FAILED, True)]
    assert "disk full" in desk.events[0].text


def test_a_master_that_is_not_watched_is_told_and_that_it_is_again() -> None:
    desk = Desk()
    desk.teller.watching(MASTER, "by its socket")
    assert desk.events == []
    desk.teller.watch_blind(MASTER, 12.0, "no answer")
    desk.teller.watching(MASTER, "by its socket")
    desk.teller.watching(MASTER, "by its socket")
    assert [(event.kind, event.serious) for event in desk.events] == [
        (EventKind.NOT_WATCHED, True),
        (EventKind.NOT_WATCHED, False),
    ]


def test_an_earlier_run_that_is_still_in_doubt_is_told() -> None:
    desk = Desk()
    desk.teller.recovered(3, True)
    assert desk.events == []
    desk.teller.recovered(3, False)
    assert [event.kind for event in desk.events] == [EventKind.UNKNOWN_OUTCOME]


def test_what_is_old_is_forgotten() -> None:
    desk = Desk()
    desk.end(failed("anna"))
    desk.look(3600)
    desk.end(failed("anna"))
    assert len(desk.look(3)) == 2
