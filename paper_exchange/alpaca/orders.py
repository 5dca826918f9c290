"""Orders and fills as Alpaca shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.formats import activity_time, microseconds, moment, optional, plain
from paper_exchange.alpaca.instruments import Catalogue
from paper_exchange.core.engine import INSUFFICIENT_FUNDS
from paper_exchange.core.orders import ZERO, Order, OrderState, OrderStatus, Side, TimeInForce, Trade

_PRICE_DECIMALS = 9
FILLED, CANCELED, EXPIRED, REJECTED = "filled", "canceled", "expired", "rejected"
_FINAL = {OrderStatus.CLOSED: FILLED, OrderStatus.CANCELED: CANCELED, OrderStatus.EXPIRED: EXPIRED}
_TIMES_IN_FORCE = {TimeInForce.GOOD_TILL_CANCELED: "gtc", TimeInForce.IMMEDIATE_OR_CANCEL: "ioc"}


def just_accepted(order: Order) -> OrderState:
    """The state that the answer to a submit shows, whatever has happened to the order meanwhile."""
    return OrderState(order.opened_at, OrderStatus.PENDING)


def status_of(state: OrderState) -> str:
    """The order's status in the venue's words.

    `pending_new` is before anything can have happened to it, `rejected` when it could not be paid any more by the time
    that it was to trade.
    """
    if state.status is OrderStatus.PENDING:
        return "pending_new"
    if state.status is OrderStatus.CANCELED and state.reason == INSUFFICIENT_FUNDS and not state.executed:
        return REJECTED
    return _FINAL.get(state.status) or ("partially_filled" if state.executed else "new")


def order_record(order: Order, state: OrderState, catalogue: Catalogue, notional: Decimal | None) -> dict[str, Any]:
    """The order object (Alpaca docs, Orders). `filled_qty` is before fees, which are taken from what is received."""
    ticket = order.ticket
    pair = catalogue.pair_of(ticket.instrument.symbol)
    kind, status = ticket.order_type.value, status_of(state)
    ended_at = moment(state.time)
    return {
        "id": order.order_id,
        "client_order_id": ticket.client_order_id,
        "created_at": moment(order.opened_at),
        "updated_at": moment(state.time),
        "submitted_at": moment(order.opened_at),
        "filled_at": ended_at if status == FILLED else None,
        "expired_at": ended_at if status == EXPIRED else None,
        "canceled_at": ended_at if status == CANCELED else None,
        "failed_at": ended_at if status == REJECTED else None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": pair.asset_id,
        "symbol": pair.slash,
        "asset_class": "crypto",
        "notional": optional(notional),
        "qty": plain(ticket.volume) if notional is None else None,
        "filled_qty": plain(state.executed),
        "filled_avg_price": optional(average_price(order, state)),
        "order_class": "",
        "order_type": kind,
        "type": kind,
        "side": ticket.side.value,
        "time_in_force": _TIMES_IN_FORCE[ticket.time_in_force],
        "limit_price": optional(ticket.limit_price),
        "stop_price": None,
        "status": status,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "position_intent": "buy_to_open" if ticket.side is Side.BUY else "sell_to_close",
        "subtag": None,
        "source": None,
    }


def average_price(order: Order, state: OrderState) -> Decimal | None:
    """The average price of what had traded in some state, `None` before anything had; free of the cost's rounding."""
    executed, cost = ZERO, ZERO
    for trade in order.trades:
        if executed == state.executed:
            break
        executed, cost = executed + trade.volume, cost + trade.price * trade.volume
    return round(cost / executed, _PRICE_DECIMALS) if executed else None


def fill_records(order: Order, catalogue: Catalogue, horizon: float | None) -> list[dict[str, Any]]:
    """The order's executions up to a unix time as activities, oldest first (Alpaca docs, Account Activities)."""
    records, executed = [], ZERO
    for trade in order.trades:
        if horizon is not None and trade.time > horizon:
            break
        executed += trade.volume
        final = order.state.status is OrderStatus.CLOSED and trade is order.trades[-1]
        records.append(_fill_record(order, trade, catalogue, executed, final=final))
    return records


def _fill_record(order: Order, trade: Trade, catalogue: Catalogue, executed: Decimal, *, final: bool) -> dict[str, Any]:
    ticket = order.ticket
    total = order.state.executed if final or ticket.volume_in_quote else ticket.volume
    return {
        "id": f"{activity_time(trade.time)}::{trade.trade_id}",
        "activity_type": "FILL",
        "transaction_time": microseconds(trade.time),
        "type": "fill" if final else "partial_fill",
        "price": plain(trade.price),
        "qty": plain(trade.volume),
        "side": trade.side.value,
        "symbol": catalogue.pair_of(trade.instrument.symbol).slash,
        "leaves_qty": plain(total - executed),
        "order_id": order.order_id,
        "cum_qty": plain(executed),
        "order_status": "filled" if final else "partially_filled",
        "swap_rate": "1",
    }
