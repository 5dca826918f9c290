"""Watches the masters for what is traded on them by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from bot.broker_manager import BrokerManager
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId
from bot.domain.money import ZERO
from bot.domain.ports import Clock
from bot.domain.signals import TradeSignal
from bot.ledger.journal import Ledger
from bot.master_watcher import MasterWatch, WatchAnnouncer, WatchParts
from bot.settings.env import Environment


class LedgerRecord:
    """The ledger as the watcher sees it (:class:`bot.master_watcher.WatchRecord`)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def marks(self, account: AccountId) -> tuple[float, float] | None:
        """Since when an account is watched, and until when all of it is known; None when it never was."""
        row = self._ledger.watch(account)
        return None if row is None else (row.since, row.until)

    def set_marks(self, account: AccountId, since: float, until: float) -> None:
        """Commit both, unix seconds."""
        self._ledger.set_watch(account, since, until)

    def own_orders(self, account: AccountId, names: Collection[ClientOrderId]) -> set[ClientOrderId]:
        """Of these client order ids those that the bot placed."""
        return self._ledger.own_orders(account, names)

    def covered(self, account: AccountId, order_ids: Collection[VenueOrderId]) -> Mapping[VenueOrderId, Decimal]:
        """Base of each order that signals cover or that none will."""
        found = self._ledger.covered(account, order_ids)
        return {order_id: found[order_id] for order_id in order_ids}

    def balance_before(self, account: AccountId, order_id: VenueOrderId) -> Decimal | None:
        """The master's balance before an order, as its first signal has it."""
        rows = self._ledger.signals_of_order(account, order_id)
        return rows[0].master_balance if rows else None

    def leave_uncopied(self, account: AccountId, order_id: VenueOrderId, up_to: Decimal, reason: str) -> None:
        """Commit that what an order traded up to there (base), and no signal covers, is not copied, and why."""
        signalled = sum((row.size for row in self._ledger.signals_of_order(account, order_id)), ZERO)
        self._ledger.record_uncopied(account, order_id, up_to - signalled, reason)


def make_watches(
    environment: Environment,
    manager: BrokerManager,
    ledger: Ledger,
    emit: Callable[[TradeSignal], bool],
    announcer: WatchAnnouncer,
    clock: Clock,
) -> list[MasterWatch]:
    """One watch a master, not started; none where the operator does not want it. Before the masters connect."""
    if not environment.watch_master:
        return []
    record = LedgerRecord(ledger)
    return [
        MasterWatch(
            WatchParts(broker, record, emit, announcer, clock, environment.watch_poll_s, environment.max_signal_age_s)
        )
        for broker in manager.masters
    ]
