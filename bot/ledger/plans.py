"""Writes what is about to be done: signals with their copies, and orders before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from bot.domain.enums import OrderState
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.money import ZERO
from bot.domain.orders import MarketOrder, Sized, is_own
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.domain.states import move
from bot.ledger.outcomes import code_of, event_row
from bot.ledger.parts import covered_base, one_at_a_time
from bot.ledger.tables import copies, master_orders, order_events, signals

_NOTHING = Sized(ZERO, ZERO)

# The database copies them by itself: half of a plan's time would go into handing the same values over again.
_FIRST_EVENTS = order_events.insert().from_select(
    ["client_order_id", "signal_id", "account", "leg", "at", "to_state", "detail"],
    select(
        *(copies.c[name] for name in ("client_order_id", "signal_id", "account", "leg")),
        *(copies.c[name] for name in ("planned_at", "state", "reason")),
    )
    .where(copies.c.signal_id == bindparam("of_signal"))
    .order_by(copies.c.account),
)


def write_plan(
    connection: Connection,
    signal: TradeSignal,
    planned: Sequence[PlannedCopy],
    at: float,
    *,
    observe_only: bool,
    anew: bool = False,
) -> bool:
    """Write a signal, its copies and their first events; False when what it tells of is there already.

    A part of an order by hand is taken only where it goes on exactly from what is covered of that order: no fill is
    copied twice, and none is left out.

    Args:
        anew: nothing of an earlier plan of this signal was sent: this one takes its place.
    """
    if signal.by_hand:
        one_at_a_time(connection, signal.master_account, signal.order_id)
    this = signals.c.signal_id == signal.signal_id
    is_known = connection.scalar(select(signals.c.signal_id).where(this)) is not None
    if (is_known and not anew) or not _goes_on(connection, signal):
        return False
    values = _signal_row(signal, at, observe_only=observe_only)
    if is_known:
        connection.execute(copies.delete().where(copies.c.signal_id == signal.signal_id))
        # A part may have grown until it is planned anew.
        connection.execute(signals.update().where(this).values(values))
    else:
        number = (connection.scalar(select(func.max(signals.c.number))) or 0) + 1
        connection.execute(signals.insert().values(number=number, **values))
    _write_copies(connection, signal, planned, at)
    connection.execute(
        master_orders.update()
        .where(master_orders.c.account == signal.master_account, master_orders.c.order_id == signal.order_id)
        .values(signal_id=signal.signal_id)
    )
    return True


def _goes_on(connection: Connection, signal: TradeSignal) -> bool:
    if not signal.by_hand:
        return True
    covered = covered_base(connection, signal.master_account, [signal.order_id], besides=signal.signal_id)
    return covered[signal.order_id] == signal.filled_before


def _write_copies(connection: Connection, signal: TradeSignal, planned: Sequence[PlannedCopy], at: float) -> None:
    if planned:
        connection.execute(copies.insert(), [_copy_row(copy, signal, at) for copy in planned])
        connection.execute(_FIRST_EVENTS, {"of_signal": signal.signal_id})


def write_one_more(connection: Connection, copy: PlannedCopy, signal: TradeSignal, at: float) -> bool:
    """Write one more copy of a recorded signal; False when it is there already."""
    known = select(copies.c.client_order_id).where(copies.c.client_order_id == copy.client_order_id)
    if connection.scalar(known) is not None:
        return False
    row = _copy_row(copy, signal, at)
    connection.execute(copies.insert().values(row))
    event = event_row(
        copy.client_order_id,
        copy.account,
        at,
        row["reason"],
        signal_id=copy.signal_id,
        leg=copy.leg,
        to_state=copy.state,
    )
    connection.execute(order_events.insert().values(event))
    return True


def write_attempt(
    connection: Connection,
    before: MarketOrder,
    order: MarketOrder,
    at: float,
    deadline: float | None,
    *,
    anew: bool = False,
) -> bool:
    """Let a copy whose order was proven absent, or never left, go on: under a new name, or where names are unique for
    good under the same one.

    Args:
        anew: it may have been written under this name already, and nothing was sent under it.

    Returns:
        True.

    Raises:
        IllegalTransition: it is in a state from which nothing is sent, or went on under this name before.
        LedgerUnavailable: there is no such copy.
    """
    names = (before.client_order_id, order.client_order_id)
    columns = (copies.c.client_order_id, copies.c.attempt, copies.c.state, copies.c.signal_id, copies.c.leg)
    rows = connection.execute(
        select(*columns, copies.c.deadline).where(
            copies.c.client_order_id.in_(names), copies.c.account == order.account
        )
    )
    known = {row.client_order_id: row for row in rows}
    if order.client_order_id in known and known[order.client_order_id].attempt >= order.attempt:
        if anew:
            return True
        raise IllegalTransition(f"order {order.client_order_id} of {order.account} was written before")
    row = known.get(before.client_order_id)
    if row is None:
        raise LedgerUnavailable(f"order {before.client_order_id} of {order.account} has no copy: plan it first")
    following = move(row.state, OrderState.SUBMITTING)
    connection.execute(
        copies.update()
        .where(copies.c.client_order_id == before.client_order_id)
        .values(
            client_order_id=order.client_order_id,
            attempt=order.attempt,
            quantity=order.quantity,
            quote_value=order.quote_value or order.quantity * order.price,
            state=following,
            deadline=row.deadline if deadline is None else deadline,
            order_id=None,
            reason="",
            code="",
            answered_at=None,
        )
    )
    was = "proven absent" if row.state is OrderState.UNKNOWN else "never sent"
    of_copy = {"signal_id": row.signal_id, "leg": row.leg, "from_state": row.state}
    events = [
        event_row(
            before.client_order_id,
            before.account,
            at,
            f"{was}; goes on as {order.client_order_id}",
            **of_copy,
            to_state=row.state,
        ),
        event_row(order.client_order_id, order.account, at, f"attempt {order.attempt}", **of_copy, to_state=following),
    ]
    connection.execute(order_events.insert(), events)
    return True


def write_intent(connection: Connection, order: MarketOrder, at: float) -> None:
    """Write an order that is about to be sent.

    Raises:
        IllegalTransition: it was sent before, or is done with.
        LedgerUnavailable: a copy's order without a planned copy.
    """
    if is_own(order):
        _intend_own(connection, order, at)
    else:
        _intend_copy(connection, order, at)


def _intend_own(connection: Connection, order: MarketOrder, at: float) -> None:
    known = select(master_orders.c.state).where(master_orders.c.client_order_id == order.client_order_id)
    if connection.scalar(known) is not None:
        raise IllegalTransition(f"order {order.client_order_id} of {order.account} was written before")
    connection.execute(
        master_orders.insert().values(
            client_order_id=order.client_order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
            balance_before=order.balance_before,
            position_before=order.position_before,
            state=OrderState.SUBMITTING,
            intended_at=at,
        )
    )
    event = event_row(order.client_order_id, order.account, at, to_state=OrderState.SUBMITTING)
    connection.execute(order_events.insert().values(event))


def _intend_copy(connection: Connection, order: MarketOrder, at: float) -> None:
    own = (copies.c.client_order_id == order.client_order_id) & (copies.c.account == order.account)
    row = connection.execute(select(copies.c.state, copies.c.signal_id, copies.c.leg).where(own)).one_or_none()
    if row is None:
        raise LedgerUnavailable(f"order {order.client_order_id} of {order.account} has no planned copy: plan it first")
    if row.state is OrderState.SUBMITTING:
        return
    if row.state is OrderState.UNKNOWN:
        named = f"order {order.client_order_id} of {order.account}"
        raise IllegalTransition(f"{named} is in doubt: a further attempt has a name of its own")
    following = move(row.state, OrderState.SUBMITTING)
    connection.execute(copies.update().where(own).values(state=following, quantity=order.quantity))
    event = event_row(
        order.client_order_id,
        order.account,
        at,
        signal_id=row.signal_id,
        leg=row.leg,
        from_state=row.state,
        to_state=following,
    )
    connection.execute(order_events.insert().values(event))


def _signal_row(signal: TradeSignal, at: float, *, observe_only: bool) -> dict[str, Any]:
    return {
        "signal_id": signal.signal_id,
        "venue": signal.broker,
        "master": signal.master_account,
        "symbol": signal.symbol,
        "side": signal.side,
        "price": signal.price,
        "size": signal.size,
        "size_type": signal.size_type,
        "order_id": signal.order_id,
        "master_balance": signal.master_balance,
        "position_before": signal.position_before,
        "timestamp": signal.timestamp,
        "planned_at": at,
        "observe_only": observe_only,
        "by_hand": signal.by_hand,
        "filled_before": signal.filled_before,
    }


def _copy_row(copy: PlannedCopy, signal: TradeSignal, at: float) -> dict[str, Any]:
    decision = copy.decision
    sized = decision if isinstance(decision, Sized) else _NOTHING
    return {
        "client_order_id": copy.client_order_id,
        "signal_id": copy.signal_id,
        "account": copy.account,
        "user_id": copy.account.name,
        "venue": copy.account.venue,
        "symbol": copy.symbol,
        "side": copy.side,
        "state": copy.state,
        "reason": _reason(copy),
        "code": code_of(copy.reason) if isinstance(decision, Sized) else decision.code,
        "note": sized.note,
        "attempt": copy.attempt,
        "leg": copy.leg,
        "balance": copy.balance,
        "quantity": sized.quantity,
        "quote_value": sized.quote_value,
        "price": signal.price,
        "deadline": copy.deadline,
        "planned_at": at,
    }


def _reason(copy: PlannedCopy) -> str:
    return copy.reason or ("" if isinstance(copy.decision, Sized) else str(copy.decision))
