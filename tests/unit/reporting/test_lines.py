"""The lines that operators look for, word for word."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId, client_order_id_of
from bot.domain.orders import MarketOrder, OrderReport, OrderResult, Refused
from bot.domain.outcomes import Accepted
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.reporting.lines import LogAnnouncer

MASTER = AccountId.master(BrokerType.KRAKEN)
DAIVON = AccountId("daivon_frazier", BrokerType.KRAKEN)
ORDER = MarketOrder(MASTER, ClientOrderId("c-1"), "BTC-USD", Side.BUY, Decimal("0.00000002"), Decimal("50000"))
SIGNAL = TradeSignal(
    BrokerType.KRAKEN, "BTC-USD", Side.BUY, Decimal("5E+4"), Decimal("2E-8"), SizeType.BASE, "O-1", Decimal(10_000), 1.0
)
RESULT = CopyTradeResult(
    SIGNAL.signal_id,
    DAIVON,
    "BTC-USD",
    Side.BUY,
    OrderState.ACCEPTED,
    Decimal(1000),
    Decimal("2E-8"),
    order_id=VenueOrderId("O-2"),
    milliseconds=41.4,
)
SKIPPED = PlannedCopy(
    SIGNAL.signal_id,
    DAIVON,
    client_order_id_of(SIGNAL.signal_id, DAIVON),
    "BTC-USD",
    Side.BUY,
    Decimal(5),
    Refused("below minimum", "$0.50"),
    OrderState.SKIPPED,
    "below minimum: $0.50",
)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG, logger="nija")
    return lambda: [record.getMessage() for record in caplog.records]


LINES: list[tuple[Callable[[LogAnnouncer], None], str]] = [
    (lambda a: a.connected(MASTER), "✅ KRAKEN PRO CONNECTED (MASTER)"),
    (lambda a: a.connected(DAIVON), "✅ KRAKEN PRO CONNECTED (USER:daivon_frazier)"),
    (lambda a: a.connected(DAIVON), "✅ USER:daivon_frazier KRAKEN connected"),
    (lambda a: a.system_ready("kraken", 2), "✅ KRAKEN COPY TRADING SYSTEM READY"),
    (lambda a: a.engine_started(False), "✅ COPY TRADE ENGINE STARTED"),
    (lambda a: a.engine_started(False), "✅ Copy trade engine started in ACTIVE MODE"),
    (lambda a: a.engine_started(True), "✅ Copy trade engine started in OBSERVE MODE"),
    (lambda a: a.emitting(SIGNAL), "📡 Emitting trade signal to copy engine"),
    (lambda a: a.emitted(SIGNAL), "✅ Trade signal emitted successfully"),
    (lambda a: a.received(SIGNAL), "🔔 RECEIVED MASTER TRADE SIGNAL: BTC-USD BUY"),
    (lambda a: a.copying("daivon_frazier"), "🔄 Copying trade to user: daivon_frazier"),
    (lambda a: a.copy_ended(RESULT), "🟢 COPY TRADE SUCCESS"),
    (lambda a: a.copy_ended(replace(RESULT, order_id=None, state=OrderState.REJECTED)), "❌ COPY TRADE FAILED"),
    (lambda a: a.summary(SIGNAL, [RESULT]), "📊 COPY TRADING SUMMARY"),
    (lambda a: a.underfunded(DAIVON, Decimal("0.10")), "UNDERFUNDED - will NOT trade"),
    (
        lambda a: a.master_confirmed(OrderResult(MASTER, ORDER, Accepted(VenueOrderId("O-1")), OrderState.ACCEPTED)),
        "✅ TRADE CONFIRMATION - MASTER",
    ),
    (lambda a: a.not_emitted(ORDER, "the queue is full"), "⚠️ User accounts will NOT copy this trade!"),
]


@pytest.mark.parametrize(("say", "line"), LINES, ids=[line for _, line in LINES])
def test_operators_find_the_line_word_for_word(
    said: Callable[[], list[str]], say: Callable[[LogAnnouncer], None], line: str
) -> None:
    say(LogAnnouncer())
    assert any(line in spoken for spoken in said()), said()


def test_lines_that_stand_alone_are_not_added_to(said: Callable[[], list[str]]) -> None:
    announcer = LogAnnouncer()
    announcer.connected(DAIVON)
    announcer.received(SIGNAL)
    announcer.not_emitted(ORDER, "the queue is full")
    assert said() == [
        "✅ KRAKEN PRO CONNECTED (USER:daivon_frazier)",
        "✅ USER:daivon_frazier KRAKEN connected",
        "🔔 RECEIVED MASTER TRADE SIGNAL: BTC-USD BUY",
        "❌ the signal of BUY BTC-USD was not emitted: the queue is full",
        "⚠️ User accounts will NOT copy this trade!",
    ]


def test_a_masters_connection_is_not_called_a_users(said: Callable[[], list[str]]) -> None:
    LogAnnouncer().connected(MASTER)
    assert said() == ["✅ KRAKEN PRO CONNECTED (MASTER)"]


@pytest.mark.parametrize("venue", BrokerType)
def test_every_venue_has_a_name(said: Callable[[], list[str]], venue: BrokerType) -> None:
    LogAnnouncer().connected(AccountId("tania", venue))
    assert any(f"✅ USER:tania {venue.upper()} connected" == line for line in said())


def test_amounts_are_plain_and_reasons_are_told(said: Callable[[], list[str]]) -> None:
    announcer = LogAnnouncer()
    announcer.emitting(SIGNAL)
    announcer.copy_ended(RESULT)
    announcer.copy_ended(replace(RESULT, order_id=None, state=OrderState.REJECTED, reason="EOrder:Insufficient funds"))
    announcer.not_copying(SKIPPED)
    announcer.not_connected(DAIVON, "EAPI:Invalid key")
    announcer.plan_not_committed(SIGNAL, "database is locked")
    text = "\n".join(said())
    for words in (
        "0.00000002",
        "50000",
        "41 ms",
        "O-2",
        "EOrder:Insufficient funds",
        "below minimum: $0.50",
        "EAPI:Invalid key",
        "database is locked",
    ):
        assert words in text
    assert "E-8" not in text
    assert "E+4" not in text


def test_a_confirmation_has_price_and_size_of_the_fill(said: Callable[[], list[str]]) -> None:
    report = OrderReport(
        VenueOrderId("O-1"), Decimal("2E-8"), Decimal("50123.4"), Decimal(1), Decimal(0), "USD", final=True
    )
    result = OrderResult(MASTER, ORDER, Accepted(VenueOrderId("O-1")), OrderState.FILLED, report)
    LogAnnouncer().master_confirmed(result)
    (line,) = said()
    assert line == "✅ TRADE CONFIRMATION - MASTER: BUY 0.00000002 BTC-USD at 50123.4, order O-1"


def test_a_summary_counts_every_follower_once(said: Callable[[], list[str]]) -> None:
    states = [
        OrderState.FILLED,
        OrderState.ACCEPTED,
        OrderState.PARTIALLY_FILLED,
        OrderState.SKIPPED,
        OrderState.EXPIRED,
        OrderState.OBSERVED,
        OrderState.PLANNED,
        OrderState.REJECTED,
        OrderState.FAILED,
    ]
    LogAnnouncer().summary(SIGNAL, [replace(RESULT, state=state) for state in states])
    (line,) = said()
    assert "BTC-USD BUY - 3 of 9 copied, 4 skipped, 2 failed" in line
    assert "last answer after 41 ms" in line


def test_an_order_of_unknown_fate_is_not_counted_as_failed(said: Callable[[], list[str]]) -> None:
    """It may have been placed: whoever reads 'failed' places it again by hand."""
    LogAnnouncer().summary(SIGNAL, [replace(RESULT, state=OrderState.UNKNOWN, order_id=None)])
    assert "0 failed" in said()[-1]
    assert "1 unclear" in said()[-1]


def test_a_copy_of_unknown_fate_is_not_announced_as_failed(said: Callable[[], list[str]]) -> None:
    LogAnnouncer().copy_ended(
        replace(RESULT, signal_id=SignalId("s"), state=OrderState.UNKNOWN, order_id=None, reason="read timed out")
    )
    (line,) = said()
    assert "COPY TRADE FAILED" not in line
    assert "read timed out" in line


def test_an_exit_that_waits_for_its_turn_is_not_announced_as_failed(said: Callable[[], list[str]]) -> None:
    LogAnnouncer().copy_ended(
        replace(RESULT, side=Side.SELL, state=OrderState.PLANNED, order_id=None, reason="kill switch: maintenance")
    )
    (line,) = said()
    assert "COPY TRADE FAILED" not in line
    assert "kill switch: maintenance" in line


def test_a_summary_without_any_follower_can_be_said(said: Callable[[], list[str]]) -> None:
    LogAnnouncer().summary(SIGNAL, [])
    assert "0 of 0 copied" in said()[-1]


def test_a_recovery_says_how_many_orders_it_asks_for_and_whether_all_are_known(said: Callable[[], list[str]]) -> None:
    announcer = LogAnnouncer()
    announcer.recovering(3)
    announcer.recovered(3, complete=True)
    announcer.recovered(3, complete=False)
    asked, known, open_ = said()
    assert "3 open orders of an earlier run" in asked
    assert "RECOVERY DONE" in known
    assert "RECOVERY DONE" not in open_
    assert "in doubt" in open_


def test_a_signal_in_dollars_says_so(said: Callable[[], list[str]]) -> None:
    LogAnnouncer().emitting(replace(SIGNAL, size=Decimal("1000.00"), size_type=SizeType.QUOTE))
    assert "BUY $1,000.00 of BTC-USD at" in "\n".join(said())
