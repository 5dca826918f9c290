"""What the audit log is written from, and compared with: rows behind a number, in their order."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, func, select

from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId
from bot.ledger.commands import Command, CommandState
from bot.ledger.reader import Reader
from bot.ledger.tables import commands, copies, master_orders, order_events, switches


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """One line of an order's history, with the order that it is about as it is now.

    ``symbol``, ``side`` and ``quantity`` (base) are None where no order of its name is left.
    """

    id: int
    client_order_id: str
    signal_id: str | None
    account: AccountId
    at: float
    from_state: OrderState | None
    to_state: OrderState | None
    detail: str
    leg: int
    symbol: str | None
    side: Side | None
    quantity: Decimal | None


class SwitchRow(NamedTuple):
    """One switch that is set: why, by whom, since when (unix seconds)."""

    name: str
    reason: str
    set_by: str
    set_at: float


class AuditMark(NamedTuple):
    """Changes with every row that the audit log has to have."""

    event: int
    command: int
    ended: int
    switches: tuple[tuple[str, float], ...]


_FINISHED = commands.c.finished_at.is_not(None)


class AuditQueries(Reader):
    """Every method raises ``LedgerUnavailable`` when the ledger cannot be read."""

    def audit_mark(self) -> AuditMark:
        """How far the ledger is written; cheap enough to ask twice a second."""
        set_now = select(switches.c.name, switches.c.set_at).order_by(switches.c.name)
        with self._database.reading() as connection:
            event = connection.scalar(select(func.max(order_events.c.id)))
            command = connection.scalar(select(func.max(commands.c.id)))
            # The number of those that are not ended, which has an index, and not of the many that are.
            unfinished = connection.scalar(
                select(func.count()).where(commands.c.state.in_([CommandState.QUEUED.value, CommandState.TAKEN.value]))
            )
            now_set = tuple((name, at) for name, at in connection.execute(set_now))
        return AuditMark(int(event or 0), int(command or 0), int(unfinished or 0), now_set)

    def events_after(self, number: int, limit: int) -> list[NumberedEvent]:
        """Events of orders with a higher number, by number."""
        wanted = _events().where(order_events.c.id > number).order_by(order_events.c.id).limit(limit)
        with self._database.reading() as connection:
            return [NumberedEvent(*row) for row in connection.execute(wanted)]

    def events_numbered(self, numbers: Collection[int]) -> list[NumberedEvent]:
        """Those of these numbers that are there, by number."""
        wanted = _events().where(order_events.c.id.in_(numbers)).order_by(order_events.c.id)
        with self._database.reading() as connection:
            return [NumberedEvent(*row) for row in connection.execute(wanted)]

    def commands_after(self, number: int, limit: int) -> list[Command]:
        """Commands with a higher number, by number."""
        wanted = select(commands).where(commands.c.id > number).order_by(commands.c.id).limit(limit)
        with self._database.reading() as connection:
            return [_command(row) for row in connection.execute(wanted)]

    def commands_ended(self, numbers: Collection[int]) -> list[Command]:
        """Those of these numbers that have ended, by number."""
        wanted = select(commands).where(commands.c.id.in_(numbers), _FINISHED).order_by(commands.c.id)
        with self._database.reading() as connection:
            return [_command(row) for row in connection.execute(wanted)]

    def switches_set(self) -> list[SwitchRow]:
        """Every switch that is set, by name."""
        columns = (switches.c[name] for name in SwitchRow._fields)
        with self._database.reading() as connection:
            return [SwitchRow(*row) for row in connection.execute(select(*columns).order_by(switches.c.name))]


def _events() -> Select[Any]:
    is_copy = (copies.c.signal_id == order_events.c.signal_id) & (copies.c.account == order_events.c.account)
    of_order = (master_orders.c.client_order_id == order_events.c.client_order_id) & order_events.c.signal_id.is_(None)
    columns = [order_events.c[name] for name in list(NumberedEvent.__dataclass_fields__)[:9]]
    return (
        select(
            *columns,
            func.coalesce(copies.c.symbol, master_orders.c.symbol),
            func.coalesce(copies.c.side, master_orders.c.side),
            func.coalesce(copies.c.quantity, master_orders.c.quantity),
        )
        .outerjoin(copies, is_copy & (copies.c.leg == order_events.c.leg))
        .outerjoin(master_orders, of_order)
    )


def _command(row: Row[Any]) -> Command:
    values = dict(row._mapping)
    result = values.pop("result")
    return Command(
        **{
            **values,
            "payload": json.loads(values["payload"]),
            "state": CommandState(values["state"]),
            "result": None if result is None else json.loads(result),
        }
    )
