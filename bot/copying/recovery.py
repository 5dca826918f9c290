"""What an earlier process left open is taken up: each order is asked for at its venue before anything is sent."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from bot.broker_manager import BaseBroker, BrokerManager
from bot.brokers.base.waiter import Waiter
from bot.copying.coins import CopiedCoins
from bot.copying.rows import master_order_of, order_of_row, planned_copy_of, report_of, signal_of, signal_of_order
from bot.copying.run import SignalRun
from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId, SignalId
from bot.domain.orders import MarketOrder, OrderReport
from bot.domain.outcomes import Unknown
from bot.domain.ports import Clock
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from bot.ledger.rows import CopyRow, MasterOrderRow

_log = logging.getLogger("nija.recovery")

_ENDED_STATES = (OrderState.FILLED, OrderState.PARTIALLY_FILLED, OrderState.FAILED)
#: An exit whose turn came; which coins it took is settled then.
_LEFT_STATES = (OrderState.ACCEPTED, OrderState.SKIPPED)
_NEVER_PLACED = (OrderState.REJECTED, OrderState.FAILED)
#: How old an account's last own order may be for its balances to trail it still, seconds.
_RECALLED_S = 60.0
_ENDED = Unknown("the bot ended before the answer was written")


class Legs(Protocol):
    """Plans further legs of exits."""

    def add_late_buy(self, order: MarketOrder, report: OrderReport, missed: Sequence[SignalId]) -> None: ...
    def add_rest(self, order: MarketOrder, report: OrderReport, signal_id: SignalId) -> None: ...


@dataclass(frozen=True, slots=True)
class RecoveryParts:
    """What recovery works with.

    Attributes:
        make_run: a run for a recorded signal and its copies.
        emit: takes the signals of master orders that never became one.
        legs: takes filled entries whose exits missed them, and exits whose rest was cancelled.
    """

    ledger: Ledger
    manager: BrokerManager
    coins: CopiedCoins
    clock: Clock
    make_run: Callable[[TradeSignal, Sequence[PlannedCopy]], SignalRun]
    emit: Callable[[TradeSignal], object]
    legs: Legs


class Recovery:
    """Start-up and crash share this path."""

    def __init__(self, parts: RecoveryParts) -> None:
        self._parts = parts
        self._taken_up: list[BaseBroker] = []
        # Where the ledger goes away in the middle and recovery begins anew, these are under way already.
        self._names: set[ClientOrderId] = set()

    def begin(self) -> int:
        """Hand every open order to its account, and every master's order without a signal to the engine.

        Returns:
            How many orders were open.

        Raises:
            LedgerUnavailable: what is open is not known, or cannot be written.
        """
        views = self._parts.ledger.views
        self._recall()
        rows = sorted(views.open_copies(), key=lambda row: row.signal_id)
        for signal_id, copies in groupby(rows, key=lambda row: row.signal_id):
            self._take_up_signal(signal_id, list(copies))
        for row in views.late_entries():
            self._finish_late_entry(row)
        for row in views.unfinished_exits():
            self._finish_exit(row)
        own_orders = views.open_master_orders()
        for own in own_orders:
            if own.client_order_id not in self._names:
                self._take_up_own(own)
                self._names.add(own.client_order_id)
        for master in views.unemitted_master_orders():
            _log.warning("the order %s of %s never became a signal; it does now", master.order_id, master.account)
            self._parts.emit(signal_of_order(master))
        return len(rows) + len(own_orders)

    @property
    def done(self) -> bool:
        """Whether every order that was taken up is known, but for those of accounts that do not answer."""
        return not any(broker.doubts for broker in self._taken_up if broker.connected and not broker.paused)

    def _recall(self) -> None:
        manager = self._parts.manager
        for broker in (*manager.masters, *(entry.broker for entry in manager.users if entry.user.independent)):
            row = self._parts.ledger.views.last_master_order(broker.account)
            if row is not None and row.state not in _NEVER_PLACED and self._is_recent(row.intended_at):
                broker.recall(master_order_of(row))

    def _is_recent(self, at: float) -> bool:
        # A clock that was set back makes an order one of the future.
        return self._parts.clock.time() - at < _RECALLED_S

    def _take_up_signal(self, signal_id: SignalId, rows: list[CopyRow]) -> None:
        recorded = self._parts.ledger.views.signal(signal_id)
        assert recorded is not None  # copies refer to it
        if all(row.client_order_id in self._names for row in rows):
            return
        run = self._parts.make_run(signal_of(recorded), [planned_copy_of(row) for row in rows])
        for row in rows:
            if row.client_order_id not in self._names:
                self._take_up_copy(row, run)
                self._names.add(row.client_order_id)

    def _take_up_copy(self, row: CopyRow, run: SignalRun) -> None:
        parts, order = self._parts, order_of_row(row)
        broker = parts.manager.broker(row.account)
        if broker is None:
            _log.error("%s has an open order in %s and is not set up any more", row.account, row.symbol)
            return
        parts.coins.open(order)
        run.resume(order)
        if row.state is OrderState.ACCEPTED and row.order_id is not None:
            if missed := self._missed(row):
                parts.coins.doubt(order, missed)
            parts.coins.left(order)
            broker.take_up(order, run, row.order_id)
        else:
            self.ask_for(order, run, row.state, self._missed(row))

    def ask_for(self, order: MarketOrder, run: SignalRun, state: OrderState, missed: Sequence[SignalId] = ()) -> None:
        """Let a copy's order be asked for at its venue; proven absent, it goes out, as far as it still may.

        Raises:
            LedgerUnavailable: this could not be written.
        """
        parts = self._parts
        broker = parts.manager.broker(order.account)
        assert broker is not None
        parts.coins.doubt(order, missed)
        if state is OrderState.PLANNED:
            parts.ledger.intend(order)
        if state is not OrderState.UNKNOWN:
            parts.ledger.answered(order, _ENDED, OrderState.UNKNOWN)
        self._taken_up.append(broker)
        broker.take_up(order, run, None)

    def _missed(self, row: CopyRow) -> list[SignalId]:
        # From its doubt to its fill, exits were planned without it.
        views = self._parts.ledger.views
        if row.side is not Side.BUY:
            return []
        at = {event.to_state: event.at for event in views.events_of(row.client_order_id)}
        since = at.get(OrderState.UNKNOWN)
        until = min((at[state] for state in _ENDED_STATES if state in at), default=math.inf)
        if since is None:
            return []
        return [
            one.signal_id
            for one in views.exits_after(row.signal_id)
            if one.planned_at <= until
            and (one.planned_at >= since or self._left_after(since, one.signal_id, row.account))
        ]

    def _left_after(self, since: float, signal_id: SignalId, account: AccountId) -> bool:
        views = self._parts.ledger.views
        names = [row.client_order_id for row in views.copies_of(signal_id) if row.account == account and row.leg == 1]
        events = [event for name in names for event in views.events_of(name)]
        return any(event.at >= since for event in events if event.to_state in _LEFT_STATES)

    def _finish_late_entry(self, row: CopyRow) -> None:
        # Its further exit is planned moments after its fill, and the process may have ended in between.
        missed = self._missed(row)
        if not missed or row.client_order_id in self._names:
            return
        self._names.add(row.client_order_id)
        legs = self._parts.ledger.views.copies_of(missed[-1])
        if any(leg.account == row.account and leg.leg > 1 for leg in legs):
            return
        self._parts.legs.add_late_buy(order_of_row(row), report_of(row), missed)

    def _finish_exit(self, row: CopyRow) -> None:
        if row.client_order_id not in self._names and row.executed < row.quantity:
            self._names.add(row.client_order_id)
            self._parts.legs.add_rest(order_of_row(row), report_of(row), row.signal_id)

    def _take_up_own(self, row: MasterOrderRow) -> None:
        broker = self._parts.manager.broker(row.account)
        if broker is None:
            _log.error("%s has an open order in %s and is not set up any more", row.account, row.symbol)
            return
        order = master_order_of(row)
        if row.state is OrderState.ACCEPTED:
            broker.take_up(order, Waiter(), row.order_id)
            return
        if row.state is OrderState.SUBMITTING:
            self._parts.ledger.answered(order, _ENDED, OrderState.UNKNOWN)
        self._taken_up.append(broker)
        broker.take_up(order, Waiter(), None)
