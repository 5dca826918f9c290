"""What becomes of an order, one thing after the other, for whoever is told of it while it happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from paper_exchange.core.orders import LIVE, ZERO, Order, OrderState, OrderStatus, Trade


class OrderMove(NamedTuple):
    """One thing that happened: how the order stood right after it, and the trade that did it.

    Without a trade it is the acceptance of the order, which then lives, or its early end.
    """

    state: OrderState
    trade: Trade | None = None


def moves(order: Order) -> Iterator[OrderMove]:
    """What the last state of an order brought: its acceptance, each of its trades, its early end.

    The engine may take several of these steps in one state. For orders that wait for no trigger and are not amended.
    """
    last = order.state
    if len(order.states) > 1:
        before = order.states[-2]
    else:
        before = last._replace(
            time=order.opened_at, status=OrderStatus.OPEN, executed=ZERO, cost=ZERO, fee=ZERO, reason=None
        )
        yield OrderMove(before)
    executed = cost = fee = ZERO
    for trade in order.trades:
        executed, cost, fee = executed + trade.volume, cost + trade.cost, fee + trade.fee
        if executed <= before.executed:
            continue
        if executed == last.executed and not _ended_early(last):
            yield OrderMove(last, trade)
        else:
            yield OrderMove(before._replace(time=last.time, executed=executed, cost=cost, fee=fee), trade)
    if _ended_early(last):
        yield OrderMove(last)


def trades_until(order: Order, state: OrderState) -> list[Trade]:
    """The trades that had made an order what it was in some state, oldest first."""
    found, executed = [], ZERO
    for trade in order.trades:
        if executed == state.executed:
            break
        executed += trade.volume
        found.append(trade)
    return found


def _ended_early(state: OrderState) -> bool:
    return state.status not in LIVE and state.status is not OrderStatus.CLOSED
