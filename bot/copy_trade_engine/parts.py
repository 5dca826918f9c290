"""What the copy engine works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.broker_manager import BrokerManager
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.ports import Clock
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from bot.trade_signal_emitter import TradeSignalEmitter


class CopyAnnouncer(Protocol):
    """Says what the engine does, in the lines that operators look for."""

    def engine_started(self, observe_only: bool) -> None: ...
    def received(self, signal: TradeSignal) -> None: ...
    def copying(self, user_id: str) -> None: ...
    def not_copying(self, copy: PlannedCopy) -> None: ...
    def copy_ended(self, result: CopyTradeResult) -> None: ...
    def summary(self, signal: TradeSignal, results: Sequence[CopyTradeResult]) -> None: ...
    def plan_not_committed(self, signal: TradeSignal, reason: str) -> None: ...
    def recovering(self, orders: int) -> None: ...
    def recovered(self, orders: int, complete: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine works with.

    Attributes:
        max_user_risk: reads the common limit at the moment of the plan.
        deadline_s: how long after the plan its orders may still match.
    """

    emitter: TradeSignalEmitter
    manager: BrokerManager
    ledger: Ledger
    gate: KillSwitchGate
    announcer: CopyAnnouncer
    clock: Clock
    max_user_risk: Callable[[], Decimal]
    max_signal_age_s: float = 60.0
    deadline_s: float = 5.0
