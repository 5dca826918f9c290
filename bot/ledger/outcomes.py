"""Turns queued entries into rows: states move by the table, fills are stored once, coins follow the fills."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, literal, null, select

from bot.domain.enums import OrderState
from bot.domain.errors import IllegalTransition
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId
from bot.domain.orders import is_own
from bot.domain.outcomes import Accepted, Unknown
from bot.domain.states import AT_THE_VENUE, OPEN_STATES, move
from bot.ledger.coins import Books
from bot.ledger.entries import AccountSeen, Answered, Entry, Noted, OrderEntry, Resized, Settled
from bot.ledger.tables import accounts, balance_history, copies, master_orders, order_events, signals

_log = logging.getLogger("nija.ledger")

#: Of each stretch of so many seconds, the last look at an account's balances is kept for good.
_BALANCE_PERIOD_S = 900

_LEARNED = (
    "state",
    "reason",
    "order_id",
    "executed",
    "average_price",
    "cost",
    "fee",
    "fee_currency",
    "answered_at",
    "settled_at",
    "quantity",
)
_NOT_YET_AT_THE_VENUE = (OrderState.SUBMITTING, OrderState.UNKNOWN)
_COPIES_ONLY = ("code", "quote_value", "milliseconds")
_OWN_ONLY = ("signal_id",)


@dataclass(slots=True)
class _Draft:
    """One row while entries are worked into it."""

    client_order_id: ClientOrderId
    account: AccountId
    of_signal: SignalId | None
    leg: int
    is_copy: bool
    values: dict[str, Any]

    @property
    def state(self) -> OrderState:
        state: OrderState = self.values["state"]
        return state


class _Batch:
    def __init__(self, connection: Connection, entries: Sequence[OrderEntry]) -> None:
        self._connection = connection
        self._events: list[dict[str, Any]] = []
        own = {entry.order.client_order_id for entry in entries if is_own(entry.order)}
        copied = {entry.order.client_order_id for entry in entries if not is_own(entry.order)}
        self._copies = self._load(copies, _COPIES_ONLY, copied)
        self._own = self._load(master_orders, _OWN_ONLY, own)
        settled = [entry for entry in entries if isinstance(entry, Settled)]
        self._books = Books(connection, [(entry.order, entry.report) for entry in settled])

    def work_in(self, entry: OrderEntry) -> None:
        rows = self._own if is_own(entry.order) else self._copies
        draft = rows.get(entry.order.client_order_id)
        if draft is None or draft.account != entry.order.account:
            self._keep_stray(entry)
        elif isinstance(entry, Answered):
            self._answer(draft, entry)
        elif isinstance(entry, Settled):
            self._settle(draft, entry)
        else:
            self._resize(draft, entry)

    def save(self) -> None:
        self._save(copies, _COPIES_ONLY, self._copies)
        self._save(master_orders, _OWN_ONLY, self._own)
        self._books.save()
        if self._events:
            self._connection.execute(order_events.insert(), self._events)

    def _keep_stray(self, entry: OrderEntry) -> None:
        """No order goes by this name, or none any more; what the venue booked under it is true all the same."""
        _log.error("no such order in the ledger: %s", entry)
        order = entry.order
        notes = self._books.take(order, entry.report.fills) if isinstance(entry, Settled) else []
        for detail in (f"no such order: {entry}", *notes):
            self._events.append(event_row(order.client_order_id, order.account, entry.at, detail))

    def _answer(self, draft: _Draft, entry: Answered) -> None:
        if isinstance(entry.outcome, Accepted):
            self._answer_accepted(draft, entry, entry.outcome.order_id)
            return
        if not self._advance(draft, entry.state, entry.outcome.reason, entry.at):
            return
        values = draft.values
        values["reason"] = entry.outcome.reason
        if isinstance(entry.outcome, Unknown) or entry.outcome.sent:
            values["answered_at"] = entry.at
        if draft.is_copy:
            values["code"] = code_of(entry.outcome.reason)
            values["milliseconds"] = entry.milliseconds if entry.milliseconds is not None else values["milliseconds"]

    def _answer_accepted(self, draft: _Draft, entry: Answered, order_id: VenueOrderId) -> None:
        values = draft.values
        if entry.state is OrderState.ACCEPTED and draft.state in AT_THE_VENUE:
            # Asked for and found more than once, or after its fill.
            if values["order_id"] not in (None, order_id):
                _log.error("order %s of %s has two ids: %s", draft.client_order_id, draft.account, entry)
                self._tell(draft, draft.state, f"refused: the venue calls it {order_id} too", entry.at)
                return
        elif not self._advance(draft, entry.state, order_id, entry.at):
            return
        values.update(order_id=order_id, reason="", answered_at=values["answered_at"] or entry.at)
        if draft.is_copy:
            values["code"] = ""
            values["milliseconds"] = entry.milliseconds if entry.milliseconds is not None else values["milliseconds"]
        else:
            self._link(draft)

    def _settle(self, draft: _Draft, entry: Settled) -> None:
        report = entry.report
        # What the venue booked is true whatever state the row is in.
        for note in self._books.take(entry.order, report.fills):
            self._tell(draft, draft.state, note, entry.at)
        if draft.state in _NOT_YET_AT_THE_VENUE and entry.state in AT_THE_VENUE:
            # Its fill tells that the venue has it.
            self._advance(draft, OrderState.ACCEPTED, report.order_id, entry.at)
        if not self._advance(draft, entry.state, report.reason, entry.at):
            return
        values = draft.values
        if report.executed >= values["executed"]:
            values.update(
                executed=report.executed,
                average_price=report.average_price,
                cost=report.cost,
                fee=report.fee,
                fee_currency=report.fee_currency,
            )
        values["order_id"] = report.order_id or values["order_id"]
        values["reason"] = report.reason or values["reason"]
        if draft.state not in OPEN_STATES:
            values["settled_at"] = entry.at

    def _resize(self, draft: _Draft, entry: Resized) -> None:
        order, values = entry.order, draft.values
        if order.quantity == values["quantity"]:
            return
        self._tell(draft, draft.state, f"quantity {values['quantity']} -> {order.quantity}", entry.at)
        values["quantity"] = order.quantity
        if draft.is_copy:
            values["quote_value"] = order.quantity * order.price

    def _advance(self, draft: _Draft, following: OrderState, detail: str, at: float) -> bool:
        if following is draft.state:
            return True
        try:
            move(draft.state, following)
        except IllegalTransition as error:
            _log.error("order %s of %s: %s", draft.client_order_id, draft.account, error)
            self._tell(draft, draft.state, f"refused: {error} ({detail})", at)
            return False
        self._tell(draft, following, detail, at)
        draft.values["state"] = following
        return True

    def _tell(self, draft: _Draft, following: OrderState, detail: str, at: float) -> None:
        self._events.append(
            event_row(
                draft.client_order_id,
                draft.account,
                at,
                detail,
                signal_id=draft.of_signal,
                leg=draft.leg,
                from_state=draft.state,
                to_state=following,
            )
        )

    def _link(self, draft: _Draft) -> None:
        """A signal may have been planned before the answer to its order was written."""
        if draft.values["signal_id"] is None and draft.values["order_id"]:
            draft.values["signal_id"] = self._connection.scalar(
                select(signals.c.signal_id).where(
                    signals.c.master == draft.account, signals.c.order_id == draft.values["order_id"]
                )
            )

    def _load(self, table: Table, own: Iterable[str], wanted: set[ClientOrderId]) -> dict[str, _Draft]:
        if not wanted:
            return {}
        names, is_copy = (*_LEARNED, *own), table is copies
        own_place = (copies.c.signal_id, copies.c.leg) if is_copy else (null(), literal(1))
        columns = (table.c.client_order_id, table.c.account, *own_place, *(table.c[name] for name in names))
        rows = self._connection.execute(select(*columns).where(table.c.client_order_id.in_(wanted)))
        values = [(row, dict(zip(names, row[4:], strict=True))) for row in rows]
        return {row[0]: _Draft(row[0], row[1], row[2], row[3], is_copy, learned) for row, learned in values}

    def _save(self, table: Table, own: Iterable[str], drafts: dict[str, _Draft]) -> None:
        if not drafts:
            return
        statement = (
            table.update()
            .where(table.c.client_order_id == bindparam("of_order"))
            .values({name: bindparam(name) for name in (*_LEARNED, *own)})
        )
        self._connection.execute(statement, [{"of_order": name, **draft.values} for name, draft in drafts.items()])


def apply_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write a run of entries, in order."""
    about_orders = [entry for entry in entries if isinstance(entry, OrderEntry)]
    if about_orders:
        batch = _Batch(connection, about_orders)
        for entry in about_orders:
            batch.work_in(entry)
        batch.save()
    notes = [entry for entry in entries if isinstance(entry, Noted)]
    if notes:
        rows = [event_row(note.client_order_id, note.account, note.at, note.detail) for note in notes]
        connection.execute(order_events.insert(), rows)
    latest = {entry.account: entry for entry in entries if isinstance(entry, AccountSeen)}
    for seen in latest.values():
        _save_account(connection, seen)


def event_row(
    client_order_id: ClientOrderId,
    account: AccountId,
    at: float,
    detail: str = "",
    *,
    signal_id: SignalId | None = None,
    leg: int = 1,
    from_state: OrderState | None = None,
    to_state: OrderState | None = None,
) -> dict[str, Any]:
    """One line of an order's history; the same state twice means that nothing moved. Copies name their signal."""
    return {
        "client_order_id": client_order_id,
        "signal_id": signal_id,
        "account": account,
        "leg": leg,
        "at": at,
        "from_state": from_state,
        "to_state": to_state,
        "detail": detail,
    }


def code_of(reason: str) -> str:
    """The short part of a reason, by which skips are counted: what stands before its figures."""
    return reason.partition(": ")[0]


def _save_account(connection: Connection, seen: AccountSeen) -> None:
    values = {
        "connected": seen.connected,
        "status": seen.status,
        "balance": seen.balance,
        "equity": seen.equity,
        "checked_at": seen.at,
    }
    updated = connection.execute(accounts.update().where(accounts.c.account == seen.account).values(values))
    if not updated.rowcount:
        connection.execute(accounts.insert().values(account=seen.account, **values))
    if seen.balance is not None or seen.equity is not None:
        _save_balance(connection, seen)


def _save_balance(connection: Connection, seen: AccountSeen) -> None:
    place = {"account": seen.account, "period": int(seen.at // _BALANCE_PERIOD_S)}
    values = {"balance": seen.balance, "equity": seen.equity, "at": seen.at}
    kept = balance_history.c
    here = (kept.account == place["account"]) & (kept.period == place["period"])
    if not connection.execute(balance_history.update().where(here).values(values)).rowcount:
        connection.execute(balance_history.insert().values(**place, **values))
