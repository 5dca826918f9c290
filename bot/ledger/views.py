"""Reads, for tables, pages and comparing: each answers frozen rows and holds nothing open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId
from bot.domain.money import ZERO
from bot.domain.states import AT_THE_VENUE, OPEN_STATES
from bot.ledger import tables
from bot.ledger.coins import CoinAdjustment, CopiedCoins
from bot.ledger.commands import Command, read_command
from bot.ledger.database import Database
from bot.ledger.switches import KillSwitch, read_switch

_Row = TypeVar("_Row")
_MOVED_ASIDE = (OrderState.SKIPPED, OrderState.EXPIRED, OrderState.OBSERVED)
_WENT_WRONG = (OrderState.REJECTED, OrderState.FAILED)


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One recorded signal; times are unix seconds, ``size`` in the unit that ``size_type`` names."""

    signal_id: SignalId
    venue: BrokerType
    master: AccountId
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    size_type: SizeType
    order_id: str
    master_balance: Decimal
    position_before: Decimal | None
    timestamp: float
    planned_at: float
    observe_only: bool


@dataclass(frozen=True, slots=True)
class CopyRow:
    """One user's share in one signal. ``price`` is the signal's, ``reason`` says why it was not copied."""

    client_order_id: ClientOrderId
    signal_id: SignalId
    account: AccountId
    user_id: str
    venue: BrokerType
    symbol: str
    side: Side
    state: OrderState
    reason: str
    code: str
    note: str
    leg: int
    attempt: int
    balance: Decimal
    quantity: Decimal
    quote_value: Decimal
    price: Decimal
    order_id: VenueOrderId | None
    executed: Decimal
    average_price: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    deadline: float
    planned_at: float
    answered_at: float | None
    settled_at: float | None
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class MasterOrderRow:
    """One order of a master; ``signal_id`` is None until its signal was recorded."""

    client_order_id: ClientOrderId
    account: AccountId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    balance_before: Decimal
    position_before: Decimal
    state: OrderState
    reason: str
    order_id: VenueOrderId | None
    executed: Decimal
    average_price: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    intended_at: float
    answered_at: float | None
    settled_at: float | None
    signal_id: SignalId | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of an order's history; equal states, or none, mean that nothing moved."""

    client_order_id: ClientOrderId
    account: AccountId
    at: float
    from_state: OrderState | None
    to_state: OrderState | None
    detail: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """How an account looked last; balance and equity in US dollars."""

    account: AccountId
    connected: bool
    status: str
    balance: Decimal | None
    equity: Decimal | None
    checked_at: float


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order as the ledger has it, to be compared with a venue's books; cost and fee as the venue gave them."""

    account: AccountId
    client_order_id: ClientOrderId
    order_id: VenueOrderId | None
    state: OrderState
    executed: Decimal
    cost: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything ever recorded, counted.

    Attributes:
        emitted: signals.
        copied: copies that the venue has.
        skipped: copies that were not to be sent, by the short form of their reason.
        failed: copies that the venue refused or that came to nothing.
        open: copies of which something is still to be done or found out.
    """

    emitted: int
    copied: int
    skipped: dict[str, int]
    failed: int
    open: int

    @property
    def skipped_total(self) -> int:
        """All skipped copies."""
        return sum(self.skipped.values())


class Views:
    """Reads of one ledger. Every method raises ``LedgerUnavailable`` when it cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

    def open_copies(self) -> list[CopyRow]:
        """Copies of which something is still to be done or found out, oldest first."""
        copies = tables.copies
        return self._all(CopyRow, copies, copies.c.state.in_(OPEN_STATES), order=[copies.c.planned_at])

    def copy(self, client_order_id: ClientOrderId) -> CopyRow | None:
        """The copy that goes by this name now."""
        found = self._all(CopyRow, tables.copies, tables.copies.c.client_order_id == client_order_id)
        return found[0] if found else None

    def exits_of(self, master: AccountId, symbol: str, since: float) -> list[SignalRow]:
        """Signals to sell of a master and symbol that it traded at ``since`` (unix seconds) or later, oldest first."""
        signals = tables.signals
        wanted = (signals.c.master == master, signals.c.symbol == symbol, signals.c.timestamp >= since)
        return self._all(SignalRow, signals, signals.c.side == Side.SELL, *wanted, order=[signals.c.number])

    def late_entries(self) -> list[CopyRow]:
        """Filled entries that had been in doubt, of accounts that still hold copied coins of their symbol."""
        copies, events, coins = tables.copies, tables.order_events, tables.copied_coins
        doubted = (
            select(events.c.id)
            .where(
                events.c.signal_id == copies.c.signal_id,
                events.c.account == copies.c.account,
                events.c.to_state == OrderState.UNKNOWN,
            )
            .exists()
        )
        held = (
            select(coins.c.account)
            .where(coins.c.account == copies.c.account, coins.c.symbol == copies.c.symbol, coins.c.quantity != ZERO)
            .exists()
        )
        filled = copies.c.state.in_((OrderState.FILLED, OrderState.PARTIALLY_FILLED))
        return self._all(CopyRow, copies, copies.c.side == Side.BUY, filled, doubted, held, order=[copies.c.planned_at])

    def unfinished_exits(self) -> list[CopyRow]:
        """Exits that the venue ended, the latest word on their symbol, without a further leg, where coins are left."""
        copies, signals, coins = tables.copies, tables.signals, tables.copied_coins
        this, later, further = signals.alias(), signals.alias(), copies.alias()
        overtaken = (
            select(later.c.signal_id)
            .where(
                this.c.signal_id == copies.c.signal_id,
                later.c.master == this.c.master,
                later.c.symbol == this.c.symbol,
                later.c.number > this.c.number,
            )
            .exists()
        )
        continued = (
            select(further.c.leg)
            .where(
                further.c.signal_id == copies.c.signal_id,
                further.c.account == copies.c.account,
                further.c.leg > copies.c.leg,
            )
            .exists()
        )
        held = (
            select(coins.c.account)
            .where(coins.c.account == copies.c.account, coins.c.symbol == copies.c.symbol, coins.c.quantity != ZERO)
            .exists()
        )
        ended = copies.c.order_id.is_not(None) & copies.c.state.in_((OrderState.PARTIALLY_FILLED, OrderState.FAILED))
        wanted = (copies.c.side == Side.SELL, ended, ~overtaken, ~continued, held)
        return self._all(CopyRow, copies, *wanted, order=[copies.c.planned_at])

    def exits_after(self, signal_id: SignalId) -> list[SignalRow]:
        """Signals to sell of the same master and symbol that were recorded after this one, oldest first."""
        signals = tables.signals
        this = signals.alias()
        after = (
            select(this.c.signal_id)
            .where(
                this.c.signal_id == signal_id,
                this.c.master == signals.c.master,
                this.c.symbol == signals.c.symbol,
                this.c.number < signals.c.number,
            )
            .exists()
        )
        return self._all(SignalRow, signals, signals.c.side == Side.SELL, after, order=[signals.c.number])

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
        """One order of a master."""
        orders = tables.master_orders
        found = self._all(MasterOrderRow, orders, orders.c.client_order_id == client_order_id)
        return found[0] if found else None

    def master_orders(self, limit: int = 20) -> list[MasterOrderRow]:
        """The latest orders of the masters, newest first."""
        return self._newest(MasterOrderRow, tables.master_orders, "intended_at", limit)

    def open_master_orders(self) -> list[MasterOrderRow]:
        """Orders of masters of which something is still to be found out, oldest first."""
        orders = tables.master_orders
        return self._all(MasterOrderRow, orders, orders.c.state.in_(OPEN_STATES), order=[orders.c.intended_at])

    def unemitted_master_orders(self) -> list[MasterOrderRow]:
        """Orders of masters that the venue has and that never became a signal, oldest first."""
        orders = tables.master_orders
        wanted = (orders.c.signal_id.is_(None), orders.c.state.in_(AT_THE_VENUE))
        return self._all(MasterOrderRow, orders, *wanted, order=[orders.c.intended_at])

    def all_orders_by_account(self) -> dict[AccountId, list[OrderRow]]:
        """Every order that was ever meant to be sent, masters' and copies', by account."""
        rows: dict[AccountId, list[OrderRow]] = {}
        copies = tables.copies
        meant = copies.c.state.not_in(_MOVED_ASIDE)
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
            if state in _MOVED_ASIDE:
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

    def _newest(self, kind: type[_Row], table: Table, by: str, limit: int, *wanted: ColumnElement[bool]) -> list[_Row]:
        return self._all(kind, table, *wanted, order=[table.c[by].desc(), *table.primary_key.columns], limit=limit)

    def _all(
        self,
        kind: type[_Row],
        table: Table,
        *wanted: ColumnElement[bool],
        order: Iterable[Any] = (),
        limit: int | None = None,
    ) -> list[_Row]:
        columns = [table.c[column.name] for column in fields(kind)]  # type: ignore[arg-type]
        statement = select(*columns).where(and_(True, *wanted)).order_by(*order).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [kind(*row) for row in rows]


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
