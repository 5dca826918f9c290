"""A system to take figures of, and what the tests of the figures share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.enums import AccountType, BrokerType, OrderState, Side, SizeType
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId, VenueOrderId, client_order_id_of
from bot.domain.orders import MarketOrder, Refused, Sized
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.reporting.live import AccountState, EngineState, SystemState
from bot.reporting.metrics import Metrics
from tests.fakes.clock import SettableClock

MASTER = AccountId.master(BrokerType.KRAKEN)
DAIVON = AccountId("daivon_frazier", BrokerType.KRAKEN)
TANIA = AccountId("tania_gilbert", BrokerType.COINBASE)


def account_state(account: AccountId, **changes: object) -> AccountState:
    """An account that is well."""
    state = AccountState(
        account=account,
        name=account.name,
        role=account.account_type,
        follows=None if account.account_type is AccountType.MASTER else MASTER,
        connected=True,
        paused=False,
        barred=False,
        status="connected",
        entries_stopped="",
        balance=Decimal("1000.50"),
        equity=Decimal("1200.25"),
        balances_at=1_790_000_000.0,
        waiting_orders=0,
        lane_alive=True,
    )
    return replace(state, **changes)  # type: ignore[arg-type]


class FakeLive:
    """Implements :class:`bot.reporting.live.LiveSystem`; ``error`` is raised instead when it is set."""

    def __init__(self, *accounts: AccountState) -> None:
        self.now = SystemState(
            started_at=1_789_999_000.0,
            engine=EngineState(alive=True, observing=False, heartbeat_age_s=0.4, waiting=2),
            stopped=None,
            ledger_error="",
            restarts={},
            accounts=accounts or (account_state(MASTER), account_state(DAIVON), account_state(TANIA)),
        )
        self.error: Exception | None = None

    def state(self) -> SystemState:
        if self.error is not None:
            raise self.error
        return self.now


def signal_of(clock: SettableClock, order: str = "O-1", side: Side = Side.BUY, by_hand: bool = False) -> TradeSignal:
    """A master's trade, answered now, made a tenth of a second before."""
    now = clock.monotonic_ns()
    return TradeSignal(
        BrokerType.KRAKEN,
        "BTC-USD",
        side,
        Decimal(50_000),
        Decimal("0.1"),
        SizeType.BASE,
        order,
        Decimal(10_000),
        clock.time(),
        answered_ns=now,
        made_ns=now - 100_000_000,
        by_hand=by_hand,
    )


def planned_copy(
    signal: TradeSignal, account: AccountId, decision: Sized | Refused, state: OrderState, reason: str = ""
) -> PlannedCopy:
    """One user's share."""
    return PlannedCopy(
        signal.signal_id,
        account,
        client_order_id_of(signal.signal_id, account),
        signal.symbol,
        signal.side,
        Decimal(1000),
        decision,
        state,
        reason or str(decision),
    )


def result_of(
    signal: TradeSignal, account: AccountId, state: OrderState, reason: str = "", milliseconds: float | None = 41.0
) -> CopyTradeResult:
    """What became of it."""
    return CopyTradeResult(
        signal.signal_id,
        account,
        signal.symbol,
        signal.side,
        state,
        Decimal(1000),
        Decimal("0.01"),
        reason,
        VenueOrderId("O-2") if state is OrderState.ACCEPTED else None,
        milliseconds=milliseconds,
    )


def busy_metrics() -> Metrics:
    """Every figure that there is, with something in it."""
    clock = SettableClock()
    metrics = Metrics("0.1.0", clock)
    metrics.watch(FakeLive())
    listener = metrics.listener
    for account in (MASTER, DAIVON, TANIA):
        listener.connected(account)
    signal = signal_of(clock)
    order = MarketOrder(
        MASTER, client_order_id_of(signal.signal_id, MASTER), "BTC-USD", Side.BUY, Decimal(1), Decimal(1)
    )
    clock.advance(0.004)
    listener.emitted(signal)
    clock.advance(0.016)
    listener.received(signal)
    listener.copy_ended(result_of(signal, DAIVON, OrderState.ACCEPTED))
    listener.not_copying(planned_copy(signal, TANIA, Refused("underfunded", "$1.00"), OrderState.SKIPPED))
    listener.summary(signal, [])
    listener.not_emitted(order, "the queue is full")
    listener.plan_not_committed(signal, "the disk is full")
    listener.watch_interrupted(MASTER, "reset")
    listener.watch_blind(MASTER, 12.0, "reset")
    listener.happened(OperatorEvent(EventKind.KILL_SWITCH, "stopped", 1.0))
    return metrics


def families(metrics: Metrics) -> dict[str, Metric]:
    """What Prometheus reads, by name."""
    return {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}


def value(metrics: Metrics, sample: str, **labels: str) -> float:
    """One figure; NaN when it is not there."""
    return _value(families(metrics).values(), sample, labels)


def _value(found: Iterable[Metric], sample: str, labels: dict[str, str]) -> float:
    for family in found:
        for one in family.samples:
            if one.name == sample and one.labels == labels:
                return one.value
    return math.nan
