"""Counters and histograms, fed by what is announced."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder
from bot.domain.ports import Clock
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.reporting.listening import AnnouncementListener
from bot.reporting.metrics.reasons import likely_reasons, reason_of

#: Seconds: close around what a fan-out takes, and up to an order that is asked for after a lost answer.
LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_QUEUED, _SENT, _SETTLED = "queued", "sent", "settled"
#: What such a copy took says how long it waited, or how long nobody answered.
_NOT_ANSWERED = frozenset({OrderState.UNKNOWN, OrderState.PLANNED, OrderState.EXPIRED})


class MetricsListener(AnnouncementListener):
    """Counts what is announced; a few microseconds each, in the thread in which it happened.

    Args:
        registry: where the figures are kept.
        clock: the one that signals are stamped with.
    """

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._venues: set[BrokerType] = set()
        self._copies = Counter(
            "nija_copies",
            "Copies that came to this state, by the user's venue; one that waited or was in doubt comes to several.",
            ("venue", "state", "reason"),
            registry=registry,
        )
        self._signals = Counter(
            "nija_signals",
            "Signals that the engine took, by the master's venue.",
            ("venue", "side", "by_hand"),
            registry=registry,
        )
        self._not_emitted = Counter(
            "nija_signals_not_emitted",
            "Trades of a master that did not become a signal, or not at once.",
            ("venue",),
            registry=registry,
        )
        self._not_committed = Counter(
            "nija_plans_not_committed",
            "Tries to commit a plan that the ledger did not take; nothing is sent meanwhile.",
            ("venue",),
            registry=registry,
        )
        self._interrupted = Counter(
            "nija_watch_interruptions",
            "Times that the socket that tells a master's trades was lost.",
            ("venue",),
            registry=registry,
        )
        self._blind = Counter(
            "nija_watch_blind",
            "Times that neither socket nor questions told what a master trades.",
            ("venue",),
            registry=registry,
        )
        self._events = Counter("nija_events", "Events that an operator can be told of.", ("kind",), registry=registry)
        self._master_order = Histogram(
            "nija_master_order_duration_seconds",
            "From making a master's order until its venue answered.",
            ("venue",),
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        self._signal_latency = Histogram(
            "nija_signal_latency_seconds",
            "From the venue's answer to the master until the signal came to this stage, by the master's venue.",
            ("stage", "venue"),
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        self._copy_latency = Histogram(
            "nija_copy_latency_seconds",
            "From the venue's answer to the master until the user's order was answered, by the user's venue.",
            ("venue",),
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        for kind in EventKind:
            self._events.labels(kind.value)

    # -- accounts ------------------------------------------------------------------------------------------------

    def connected(self, account: AccountId) -> None:
        """The counts of its venue begin at zero."""
        venue = account.venue
        if venue in self._venues:
            return
        self._venues.add(venue)
        for state, reason in likely_reasons():
            self._copies.labels(venue.value, state.value, reason)
        for side in Side:
            for by_hand in ("false", "true"):
                self._signals.labels(venue.value, side.value, by_hand)
        for counter in (self._not_emitted, self._not_committed, self._interrupted, self._blind):
            counter.labels(venue.value)
        for stage in (_QUEUED, _SENT, _SETTLED):
            self._signal_latency.labels(stage, venue.value)
        self._master_order.labels(venue.value)
        self._copy_latency.labels(venue.value)

    def watch_interrupted(self, account: AccountId, reason: str) -> None:
        """Count it."""
        self._interrupted.labels(account.venue.value).inc()

    def watch_blind(self, account: AccountId, seconds: float, reason: str) -> None:
        """Count it."""
        self._blind.labels(account.venue.value).inc()

    # -- signals -------------------------------------------------------------------------------------------------

    def emitted(self, signal: TradeSignal) -> None:
        """Note when it was queued, and how long the master's venue took."""
        self._reached(_QUEUED, signal)
        if signal.made_ns and signal.answered_ns and not signal.by_hand:
            self._master_order.labels(_venue(signal)).observe((signal.answered_ns - signal.made_ns) / 1e9)

    def received(self, signal: TradeSignal) -> None:
        """The plan is committed and its orders are on their way: the engine tells it then."""
        self._signals.labels(_venue(signal), signal.side.value, "true" if signal.by_hand else "false").inc()
        self._reached(_SENT, signal)

    def summary(self, signal: TradeSignal, results: Sequence[CopyTradeResult]) -> None:
        """Every order that left has its fill, or its reason."""
        self._reached(_SETTLED, signal)

    def not_emitted(self, order: MarketOrder, reason: str) -> None:
        """Count it."""
        self._not_emitted.labels(order.account.venue.value).inc()

    def signal_refused(self, signal: TradeSignal, reason: str) -> None:
        """Count it."""
        self._not_emitted.labels(_venue(signal)).inc()

    def plan_not_committed(self, signal: TradeSignal, reason: str) -> None:
        """Count it."""
        self._not_committed.labels(_venue(signal)).inc()

    def _reached(self, stage: str, signal: TradeSignal) -> None:
        # The monotonic hand of an earlier process says nothing here.
        if signal.answered_ns:
            seconds = (self._clock.monotonic_ns() - signal.answered_ns) / 1e9
            self._signal_latency.labels(stage, _venue(signal)).observe(seconds)

    # -- copies --------------------------------------------------------------------------------------------------

    def not_copying(self, copy: PlannedCopy) -> None:
        """Count it."""
        self._count(copy.account, copy.state, copy.reason)

    def copy_ended(self, result: CopyTradeResult) -> None:
        """Count it, and what it took."""
        self._count(result.account, result.state, result.reason)
        if result.milliseconds is not None and result.state not in _NOT_ANSWERED:
            self._copy_latency.labels(result.account.venue.value).observe(result.milliseconds / 1000)

    def _count(self, account: AccountId, state: OrderState, reason: str) -> None:
        self._copies.labels(account.venue.value, state.value, reason_of(state, reason)).inc()

    # -- events --------------------------------------------------------------------------------------------------

    def happened(self, event: OperatorEvent) -> None:
        """Count an operator event (:data:`bot.reporting.events.EventListener`)."""
        self._events.labels(event.kind.value).inc()


def _venue(signal: TradeSignal) -> str:
    return signal.master_account.venue.value
