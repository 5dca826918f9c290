"""Fakes of what a broker calls upwards: each writes into one trace and can be told to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.brokers.base import BrokerPorts
from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, OrderReport, OrderResult, Refused
from bot.domain.outcomes import Outcome
from bot.domain.signals import TradeSignal
from bot.runtime.lane import Lane
from tests.fakes.clock import SettableClock
from tests.fakes.trace import Trace


@dataclass
class SettableGate:
    """Opens until ``refused`` is set."""

    trace: Trace
    refused: Refused | None = None

    def check(self, account: AccountId, symbol: str, side: Side) -> Refused | None:
        self.trace.add("gate", (account, symbol, side))
        return self.refused


@dataclass
class RecordingJournal:
    """Keeps what would be written; ``unavailable`` is raised by :meth:`intend`."""

    trace: Trace
    unavailable: Exception | None = None

    def intend(self, order: MarketOrder) -> None:
        if self.unavailable is not None:
            raise self.unavailable
        self.trace.add("journal.intend", order)

    def answered(
        self, order: MarketOrder, outcome: Outcome, state: OrderState, milliseconds: float | None = None
    ) -> None:
        self.trace.add("journal.answered", (order, outcome, state, milliseconds))

    def resized(self, order: MarketOrder) -> None:
        self.trace.add("journal.resized", order)

    def settled(self, order: MarketOrder, report: OrderReport, state: OrderState) -> None:
        self.trace.add("journal.settled", (order, report, state))


@dataclass
class RecordingSink:
    """Takes signals; full when ``takes`` is False, broken when ``error`` is set."""

    trace: Trace
    takes: bool = True
    error: Exception | None = None
    signals: list[TradeSignal] = field(default_factory=list)

    def expect(self, signal: TradeSignal | None) -> None:
        if self.error is not None:
            raise self.error
        self.trace.add("expect", signal)

    def emit(self, signal: TradeSignal) -> bool:
        if self.error is not None:
            raise self.error
        self.trace.add("emit", signal)
        if self.takes:
            self.signals.append(signal)
        return self.takes


@dataclass
class RecordingAnnouncer:
    """Remembers which line was said."""

    trace: Trace

    def connected(self, account: AccountId) -> None:
        self.trace.add("say.connected", account)

    def emitting(self, signal: TradeSignal) -> None:
        self.trace.add("say.emitting", signal)

    def emitted(self, signal: TradeSignal) -> None:
        self.trace.add("say.emitted", signal)

    def not_emitted(self, order: MarketOrder, reason: str) -> None:
        self.trace.add("say.not_emitted", reason)

    def master_confirmed(self, result: OrderResult) -> None:
        self.trace.add("say.master_confirmed", result)


@dataclass
class RecordingObserver:
    """Hears how one order goes on.

    Attributes:
        since_ns: the master's answer that it copies.
        goes_on: what it says of an order that is proven absent.
    """

    trace: Trace
    since_ns: int = 0
    goes_on: bool = False

    def answered(self, order: MarketOrder, outcome: Outcome, state: OrderState, answered_ns: int) -> None:
        self.trace.add("observer.answered", (order, outcome, state, answered_ns))

    def absent(self, order: MarketOrder) -> bool:
        self.trace.add("observer.absent", order)
        return self.goes_on

    def settled(self, order: MarketOrder, report: OrderReport | None, state: OrderState) -> None:
        self.trace.add("observer.settled", (order, report, state))


class FakePorts:
    """All ports of one broker around one trace."""

    def __init__(self, announcer: Any = None, make_lane: Callable[[str], Lane] = Lane) -> None:
        self.make_lane = make_lane
        self.trace = Trace()
        self.clock = SettableClock()
        self.gate = SettableGate(self.trace)
        self.journal = RecordingJournal(self.trace)
        self.sink = RecordingSink(self.trace)
        self.announcer = announcer or RecordingAnnouncer(self.trace)

    def ports(self) -> BrokerPorts:
        return BrokerPorts(self.gate, self.journal, self.sink, self.announcer, self.clock, self.make_lane)
