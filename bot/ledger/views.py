"""Reads, for tables, pages and comparing: each answers frozen rows and holds nothing open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from bot.domain.enums import OrderState
from bot.domain.ids import AccountId, ClientOrderId, SignalId
from bot.domain.states import AT_THE_VENUE, MOVED_ASIDE, OPEN_STATES
from bot.ledger import tables
from bot.ledger.audit_queries import AuditQueries
from bot.ledger.coins import CoinAdjustment, CopiedCoins
from bot.ledger.commands import Command, read_command
from bot.ledger.history import HistoryQueries
from bot.ledger.parts import PartQueries
from bot.ledger.positions import Trade, positions_after
from bot.ledger.recovery import RecoveryQueries
from bot.ledger.rows import (
    AccountRow,
    BalanceRow,
    CopyRow,
    Counts,
    EventRow,
    MasterOrderRow,
    OrderRow,
    OwnPosition,
    SignalRow,
)
from bot.ledger.switches import KillSwitch, read_switch

_WENT_WRONG = (OrderState.REJECTED, OrderState.FAILED)


class Views(RecoveryQueries, PartQueries, HistoryQueries, AuditQueries):
    """Reads of one ledger. Every method raises ``LedgerUnavailable`` when it cannot be read."""

    def close(self) -> None:
        """Give the connections back."""
        self._database.dispose()

    def recent_signals(self, limit: int = 20) -> list[SignalRow]:
        """The latest signals, newest first."""
        return self._newest(SignalRow, tables.signals, "planned_at", limit)

    def signal(self, signal_id: SignalId) -> SignalRow | None:
        """One signal."""
        found = self._all(SignalRow, tables.signals, tables.signals.c.signal_id == signal_id)
        return found[0] if found else None

    def copies_of(self, signal_id: SignalId) -> list[CopyRow]:
        """All copies of one signal, by account and leg."""
        copies = tables.copies
        return self._all(CopyRow, copies, copies.c.signal_id == signal_id, order=[copies.c.account, copies.c.leg])

    def recent_copies(self, limit: int = 20, user: str | None = None, state: OrderState | None = None) -> list[CopyRow]:
        """The latest copies, newest first, of one user id or in one state when asked for."""
        wanted: list[ColumnElement[bool]] = []
        if user is not None:
            wanted.append(tables.copies.c.user_id == user)
        if state is not None:
            wanted.append(tables.copies.c.state == state)
        return self._newest(CopyRow, tables.copies, "planned_at", limit, *wanted)

    def copy(self, client_order_id: ClientOrderId) -> CopyRow | None:
        """The copy that goes by this name now."""
        found = self._all(CopyRow, tables.copies, tables.copies.c.client_order_id == client_order_id)
        return found[0] if found else None

    def events_of(self, client_order_id: ClientOrderId) -> list[EventRow]:
        """The history of one order, oldest first; of a copy under all names that it had."""
        events = tables.order_events
        with self._database.reading() as connection:
            place = _place_of(connection, client_order_id)
            names = [client_order_id]
            if place is not None:
                own = and_(*(events.c[name] == value for name, value in place.items()))
                names += connection.scalars(select(events.c.client_order_id).where(own).distinct())
        named = and_(events.c.signal_id.is_(None), events.c.client_order_id.in_(names))
        return self._all(EventRow, events, named if place is None else or_(own, named), order=[events.c.id])

    def accounts(self) -> list[AccountRow]:
        """All accounts that were ever seen, by name."""
        return self._all(AccountRow, tables.accounts, order=[tables.accounts.c.account])

    def balance_history(self, since: float, account: AccountId | None = None) -> list[BalanceRow]:
        """How accounts looked since then (unix seconds), one row a quarter of an hour, oldest first."""
        history = tables.balance_history
        wanted = [history.c.at >= since] + ([] if account is None else [history.c.account == account])
        return self._all(BalanceRow, history, *wanted, order=[history.c.at, history.c.account])

    def copied_coins(self, account: AccountId | None = None) -> list[CopiedCoins]:
        """Coins that copying bought and that are still there, of one account or of all."""
        coins = tables.copied_coins
        wanted = [] if account is None else [coins.c.account == account]
        rows = self._all(CopiedCoins, coins, *wanted, order=[coins.c.account, coins.c.symbol])
        return [row for row in rows if row.quantity]

    def coin_adjustments(self, account: AccountId | None = None) -> list[CoinAdjustment]:
        """Coins that were written off, of one account or of all, oldest first."""
        rows = tables.coin_adjustments
        wanted = [] if account is None else [rows.c.account == account]
        return self._all(CoinAdjustment, rows, *wanted, order=[rows.c.id])

    def master_order(self, client_order_id: ClientOrderId) -> MasterOrderRow | None:
        """One order of a master, or of a user for itself."""
        orders = tables.master_orders
        found = self._all(MasterOrderRow, orders, orders.c.client_order_id == client_order_id)
        return found[0] if found else None

    def master_orders(self, limit: int = 20) -> list[MasterOrderRow]:
        """The latest orders that copy nothing, of masters and of users for themselves, newest first."""
        return self._newest(MasterOrderRow, tables.master_orders, "intended_at", limit)

    def own_orders_of(self, account: AccountId) -> list[MasterOrderRow]:
        """Every order that one account decided for itself, oldest first."""
        orders = tables.master_orders
        return self._all(MasterOrderRow, orders, orders.c.account == account, order=[orders.c.intended_at])

    def positions_of(self, account: AccountId) -> dict[str, OwnPosition]:
        """What an account's own orders bought and have not sold again, by symbol.

        What was bought or sold by hand is not in it: more or fewer coins may be there.
        """
        orders, fills = tables.master_orders, tables.fills
        own = (orders.c.client_order_id == fills.c.client_order_id) & (orders.c.account == fills.c.account)
        trades = (
            select(*(fills.c[column.name] for column in fields(Trade)))
            .join(orders, own)
            .where(orders.c.account == account)
            .order_by(fills.c.time, orders.c.intended_at, fills.c.trade_id)
        )
        with self._database.reading() as connection:
            return positions_after(Trade(*row) for row in connection.execute(trades))

    def all_orders_by_account(self) -> dict[AccountId, list[OrderRow]]:
        """Every order that was ever meant to be sent, copies and those that copy nothing, by account."""
        rows: dict[AccountId, list[OrderRow]] = {}
        copies = tables.copies
        meant = copies.c.state.not_in(MOVED_ASIDE)
        for row in self._all(OrderRow, tables.master_orders) + self._all(OrderRow, copies, meant):
            rows.setdefault(row.account, []).append(row)
        return rows

    def counts(self) -> Counts:
        """Signals and copies, counted."""
        copies = tables.copies
        by_state = select(copies.c.state, copies.c.code, func.count()).group_by(copies.c.state, copies.c.code)
        with self._database.reading() as connection:
            emitted = connection.scalar(select(func.count()).select_from(tables.signals))
            groups = [(state, code, int(count)) for state, code, count in connection.execute(by_state)]
        skipped: dict[str, int] = {}
        for state, code, count in groups:
            if state in MOVED_ASIDE:
                name = code or state.value.lower()
                skipped[name] = skipped.get(name, 0) + count
        return Counts(
            emitted=int(emitted or 0),
            copied=_total(groups, AT_THE_VENUE),
            skipped=skipped,
            failed=_total(groups, _WENT_WRONG),
            open=_total(groups, OPEN_STATES),
        )

    def kill_switch(self) -> KillSwitch | None:
        """The kill switch, or None when it is not set."""
        with self._database.reading() as connection:
            return read_switch(connection)

    def command(self, number: int) -> Command:
        """One command.

        Raises:
            LookupError: there is none of this number.
        """
        with self._database.reading() as connection:
            return read_command(connection, number)


def _place_of(connection: Connection, name: ClientOrderId) -> dict[str, Any] | None:
    """Signal, account and leg of a copy by its name or, looking through the whole history, by a former one."""
    copies, events = tables.copies, tables.order_events
    known = (events.c.client_order_id == name) & events.c.signal_id.is_not(None)
    for table, wanted in ((copies, copies.c.client_order_id == name), (events, known)):
        columns = (table.c.signal_id, table.c.account, table.c.leg)
        row = connection.execute(select(*columns).where(wanted).limit(1)).one_or_none()
        if row is not None:
            return dict(row._mapping)
    return None


def _total(groups: Iterable[tuple[OrderState, str, int]], states: Iterable[OrderState]) -> int:
    wanted = set(states)
    return sum(count for state, _, count in groups if state in wanted)
