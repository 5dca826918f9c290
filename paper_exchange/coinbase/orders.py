"""Orders and fills as Coinbase shows them (Coinbase docs, List Orders; List Fills; recorded answers)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.coinbase.formats import iso, plain, ratio
from paper_exchange.coinbase.keys import ApiKey
from paper_exchange.core.engine import INSUFFICIENT_FUNDS
from paper_exchange.core.orders import (
    ZERO,
    Order,
    OrderState,
    OrderStatus,
    OrderType,
    Side,
    Ticket,
    TimeInForce,
    Trade,
)

OPEN, PENDING, FILLED, CANCELLED, EXPIRED, FAILED = "OPEN", "PENDING", "FILLED", "CANCELLED", "EXPIRED", "FAILED"
_STATUSES = {
    OrderStatus.PENDING: PENDING,
    OrderStatus.OPEN: OPEN,
    OrderStatus.CLOSED: FILLED,
    OrderStatus.CANCELED: CANCELLED,
    OrderStatus.EXPIRED: EXPIRED,
}
_TIMES_IN_FORCE = {
    TimeInForce.GOOD_TILL_CANCELED: "GOOD_UNTIL_CANCELLED",
    TimeInForce.GOOD_TILL_DATE: "GOOD_UNTIL_DATE_TIME",
    TimeInForce.IMMEDIATE_OR_CANCEL: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FILL_OR_KILL: "FILL_OR_KILL",
}
#: How much later than the trade a fill is written down, in seconds.
_FILL_DELAY_S = 0.003


def status(order: Order, state: OrderState) -> str:
    """Pending until a market order trades; failed when its funds were gone by then."""
    if state.status is OrderStatus.OPEN and order.ticket.order_type is OrderType.MARKET and not state.executed:
        return PENDING
    if state.status is OrderStatus.CANCELED and state.reason == INSUFFICIENT_FUNDS and not state.executed:
        return FAILED
    return _STATUSES[state.status]


def order_record(order: Order, state: OrderState, key: ApiKey) -> dict[str, Any]:
    """The order object; numbers are strings, an empty string is for what does not apply."""
    ticket, now = order.ticket, status(order, state)
    sent = key.configurations.get(order.order_id)
    after_fees = state.cost + state.fee if ticket.side is Side.BUY else state.cost - state.fee
    trades = [trade for trade in order.trades if trade.time <= state.time]
    return {
        "order_id": order.order_id,
        "product_id": ticket.instrument.symbol,
        "user_id": key.user_id,
        "order_configuration": _configuration(ticket) if sent is None else sent,
        "side": ticket.side.value.upper(),
        "client_order_id": ticket.client_order_id,
        "status": now,
        "time_in_force": time_in_force(ticket),
        "created_time": iso(order.opened_at),
        "completion_percentage": plain(round(percentage(order, state), 2)),
        "filled_size": plain(state.executed),
        "average_filled_price": ratio(state.cost, state.executed),
        "fee": "",
        "number_of_fills": str(len(trades)),
        "filled_value": plain(state.cost),
        "pending_cancel": False,
        "size_in_quote": ticket.volume_in_quote,
        "total_fees": plain(state.fee),
        "size_inclusive_of_fees": ticket.fee_included,
        "total_value_after_fees": plain(after_fees),
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": ticket.order_type.value.upper(),
        "reject_reason": "HOLD_FAILURE" if now == FAILED else "REJECT_REASON_UNSPECIFIED",
        "settled": now == FILLED,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": (state.reason or "") if now == CANCELLED else "",
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": plain(state.held),
        "is_liquidation": False,
        "last_fill_time": iso(trades[-1].time) if trades else None,
        "edit_history": [],
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": key.portfolio_id,
        "originating_order_id": "",
        "attached_order_id": "",
        "attached_order_configuration": None,
    }


def time_in_force(ticket: Ticket) -> str:
    """In the venue's words; a market order never rests, whatever it was placed with."""
    if ticket.order_type is OrderType.MARKET:
        return _TIMES_IN_FORCE[TimeInForce.IMMEDIATE_OR_CANCEL]
    return _TIMES_IN_FORCE[ticket.time_in_force]


def percentage(order: Order, state: OrderState) -> Decimal:
    """How much of the order had traded, of a hundred."""
    if order.ticket.volume_in_quote:
        return state.cost * 100 / order.budget
    return state.executed * 100 / order.ticket.volume


def _configuration(ticket: Ticket) -> dict[str, Any]:
    """What an order would have been sent as that was placed by hand: sized in base, resting until it is canceled."""
    size = {"base_size": plain(ticket.volume)}
    if ticket.limit_price is None:
        return {"market_market_ioc": size}
    return {"limit_limit_gtc": size | {"limit_price": plain(ticket.limit_price), "post_only": ticket.post_only}}


def fill_time(trade: Trade) -> float:
    """The unix time of a fill's sequence_timestamp."""
    return trade.time + _FILL_DELAY_S


def fill_record(trade: Trade, order: Order, key: ApiKey) -> dict[str, Any]:
    """The fill object; `size` is in quote where the order's size was, and then has to be divided by the price."""
    in_quote = order.ticket.volume_in_quote
    return {
        "entry_id": trade.ledger_ids[0],
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "trade_time": iso(trade.time),
        "trade_type": "FILL",
        "price": plain(trade.price),
        "size": plain(trade.cost if in_quote else trade.volume),
        "commission": plain(trade.fee or ZERO),
        "product_id": trade.instrument.symbol,
        "sequence_timestamp": iso(fill_time(trade)),
        "liquidity_indicator": "MAKER" if trade.maker else "TAKER",
        "size_in_quote": in_quote,
        "user_id": key.user_id,
        "side": trade.side.value.upper(),
        "retail_portfolio_id": key.portfolio_id,
    }
