"""What a watch works with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from bot.domain.orders import AccountBalances, VenueOrder
from bot.domain.ports import Clock, ExecutionListener, ExecutionStream
from bot.domain.signals import TradeSignal
from bot.master_watcher.orders import SignalRecord


class WatchedBroker(Protocol):
    """What the watcher needs of a master's broker."""

    @property
    def account(self) -> AccountId: ...
    @property
    def connected(self) -> bool: ...
    @property
    def status(self) -> str: ...
    def open_stream(self, listener: ExecutionListener) -> ExecutionStream | None: ...
    def list_executions(self, since: float) -> Future[list[Execution]]: ...
    def list_orders(self, since: float) -> Future[list[VenueOrder]]: ...
    def hear_balances(self, callback: Callable[[AccountBalances], None]) -> None: ...
    def refresh_balances(self, timeout_s: float | None = None) -> AccountBalances: ...


class WatchRecord(SignalRecord, Protocol):
    """What the watcher keeps in the ledger."""

    def marks(self, account: AccountId) -> tuple[float, float] | None:
        """Since when an account is watched, and until when all of it is known; None when it never was."""

    def set_marks(self, account: AccountId, since: float, until: float) -> None:
        """Commit both, unix seconds. Raises LedgerUnavailable."""


class WatchAnnouncer(Protocol):
    """Says what the watcher does."""

    def watching(self, account: AccountId, by: str) -> None: ...
    def watch_interrupted(self, account: AccountId, reason: str) -> None: ...
    def watch_blind(self, account: AccountId, seconds: float, reason: str) -> None: ...
    def traded_by_hand(self, signal: TradeSignal) -> None: ...
    def emitting(self, signal: TradeSignal) -> None: ...
    def emitted(self, signal: TradeSignal) -> None: ...
    def signal_refused(self, signal: TradeSignal, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WatchParts:
    """What a watch works with.

    Attributes:
        emit: hands a signal to the engine; False when it does not take it.
        poll_s: between two questions while there is no socket.
    """

    broker: WatchedBroker
    record: WatchRecord
    emit: Callable[[TradeSignal], bool]
    announcer: WatchAnnouncer
    clock: Clock
    poll_s: float
    max_signal_age_s: float
