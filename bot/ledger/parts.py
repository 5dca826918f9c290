"""Orders that masters placed by hand: what of them became signals, what will not, and how far masters are watched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from decimal import Decimal, localcontext
from typing import Any

from sqlalchemy import Connection, func, select

from bot.domain.enums import SizeType
from bot.domain.ids import AccountId, ClientOrderId, SignalId
from bot.domain.money import ZERO
from bot.ledger.reader import Reader
from bot.ledger.rows import CopyRow, PartRow, SignalRow, UncopiedRow, WatchRow
from bot.ledger.tables import copies, master_orders, signals, uncopied, watches

#: Digits to sum with: nothing may be rounded.
_DIGITS = 60
#: Names in one question at most: databases take only so many parameters.
_NAMES_AT_ONCE = 500


class PartQueries(Reader):
    """Every method raises ``LedgerUnavailable`` when the ledger cannot be read."""

    def watch(self, account: AccountId) -> WatchRow | None:
        """How far a master is watched; None when it never was."""
        found = self._all(WatchRow, watches, watches.c.account == account)
        return found[0] if found else None

    def uncopied_of(self, account: AccountId) -> list[UncopiedRow]:
        """What of a master's orders no signal covers and none will, oldest first."""
        return self._all(UncopiedRow, uncopied, uncopied.c.account == account, order=[uncopied.c.at])

    def covered(self, account: AccountId, order_ids: Collection[str]) -> dict[str, Decimal]:
        """Base of each of a master's orders that is done with: its signals, and what will not be copied of it."""
        with self._database.reading() as connection:
            return covered_base(connection, account, order_ids)

    def signals_of_order(self, master: AccountId, order_id: str) -> list[SignalRow]:
        """The signals of one order of a master, oldest first."""
        own = (signals.c.master == master, signals.c.order_id == order_id)
        return self._all(SignalRow, signals, *own, order=[signals.c.number])

    def copies_of_order(self, master: AccountId, order_id: str) -> list[PartRow]:
        """The copies of all signals of one order of a master: by signal, oldest first, account and leg."""
        of_copy = [copies.c[column.name] for column in fields(CopyRow)]
        of_signal = [signals.c[name] for name in ("signal_id", "size", "size_type", "filled_before", "price")]
        statement = (
            select(*of_signal, *of_copy)
            .join(copies, copies.c.signal_id == signals.c.signal_id)
            .where(signals.c.master == master, signals.c.order_id == order_id)
            .order_by(signals.c.number, copies.c.account, copies.c.leg)
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [
            PartRow(row[0], _base(row[1], row[2], row[4]), row[3], row[4], CopyRow(*row[len(of_signal) :]))
            for row in rows
        ]

    def is_own_order(self, account: AccountId, client_order_id: ClientOrderId) -> bool:
        """Whether the bot placed this order for the account, or was about to, without copying anything."""
        return bool(self.own_orders(account, [client_order_id]))

    def own_orders(self, account: AccountId, names: Collection[ClientOrderId]) -> set[ClientOrderId]:
        """Those of the names under which the bot placed an order for the account, without copying anything."""
        found: set[ClientOrderId] = set()
        orders = master_orders.c
        with self._database.reading() as connection:
            for some in _in_lots(names):
                own = (orders.account == account) & orders.client_order_id.in_(some)
                found.update(connection.scalars(select(orders.client_order_id).where(own)))
        return found


def covered_base(
    connection: Connection, account: AccountId, order_ids: Collection[str], besides: SignalId | None = None
) -> dict[str, Decimal]:
    """Base of each order that is done with: the sizes of its signals, and what will not be copied of it.

    Args:
        besides: a signal that is left out.
    """
    totals = dict.fromkeys(order_ids, ZERO)
    columns = [signals.c[name] for name in ("signal_id", "order_id", "size", "size_type", "price")]
    # Summed here: SQLite's sums are floats.
    with localcontext(prec=_DIGITS):
        for some in _in_lots(totals):
            own = (signals.c.master == account) & signals.c.order_id.in_(some)
            for signal_id, order_id, size, size_type, price in connection.execute(select(*columns).where(own)):
                if signal_id != besides:
                    totals[order_id] += _base(size, size_type, price)
            left = (uncopied.c.account == account) & uncopied.c.order_id.in_(some)
            for order_id, executed in connection.execute(select(uncopied.c.order_id, uncopied.c.executed).where(left)):
                totals[order_id] += executed
    return totals


def one_at_a_time(connection: Connection, account: AccountId, order_id: str) -> None:
    """Until the transaction ends, nobody else takes a part of this order; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        key = func.hashtextextended(f"{account} {order_id}", 0)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def save_watch(connection: Connection, row: WatchRow) -> None:
    """Write how far a master is watched, in the place of what was."""
    values = {"since": row.since, "until": row.until, "updated_at": row.updated_at}
    if not connection.execute(watches.update().where(watches.c.account == row.account).values(values)).rowcount:
        connection.execute(watches.insert().values(account=row.account, **values))


def save_uncopied(connection: Connection, row: UncopiedRow) -> None:
    """Write what of an order will not be copied, altogether. It never becomes less: the larger figure stands."""
    one_at_a_time(connection, row.account, row.order_id)
    this = (uncopied.c.account == row.account) & (uncopied.c.order_id == row.order_id)
    known = connection.scalar(select(uncopied.c.executed).where(this))
    values = {"executed": row.executed, "reason": row.reason, "at": row.at}
    if known is None:
        connection.execute(uncopied.insert().values(account=row.account, order_id=row.order_id, **values))
    elif known < row.executed:
        connection.execute(uncopied.update().where(this).values(values))


def _base(size: Decimal, size_type: SizeType, price: Decimal) -> Decimal:
    return size if size_type is SizeType.BASE else size / price


def _in_lots(names: Iterable[Any]) -> Iterator[list[Any]]:
    listed = list(names)
    return (listed[begin : begin + _NAMES_AT_ONCE] for begin in range(0, len(listed), _NAMES_AT_ONCE))
