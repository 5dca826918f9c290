"""Orders as the channel `user` shows them (Coinbase docs, WebSocket Channels; recorded messages).

Every message has the whole order as it stands then: what a single trade was has to be told from the message before.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from paper_exchange.coinbase.formats import iso, plain, ratio
from paper_exchange.coinbase.keys import ApiKey
from paper_exchange.coinbase.orders import CANCELLED, FAILED, percentage, status, time_in_force
from paper_exchange.core.market import Market
from paper_exchange.core.order_moves import trades_until
from paper_exchange.core.orders import LIVE, ZERO, Order, OrderState, OrderStatus, OrderType, Side

_TYPES = {OrderType.MARKET: "Market", OrderType.LIMIT: "Limit"}
_NEVER = "0001-01-01T00:00:00Z"
_SIZE_STEP = Decimal(1).scaleb(-8)


def user_order(order: Order, state: OrderState, key: ApiKey, market: Market) -> dict[str, Any]:
    """An order as it was in some state; numbers and truth values are strings."""
    ticket, now = order.ticket, status(order, state)
    return {
        "avg_price": ratio(state.cost, state.executed),
        "cancel_reason": (state.reason or "") if now == CANCELLED else "",
        "client_order_id": ticket.client_order_id,
        "completion_percentage": f"{percentage(order, state):.2f}",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": plain(state.executed),
        "filled_value": plain(state.cost),
        "leaves_quantity": plain(_left(order, state, market)),
        "limit_price": "" if ticket.limit_price is None else plain(ticket.limit_price),
        "number_of_fills": str(len(trades_until(order, state))),
        "order_id": order.order_id,
        "order_side": ticket.side.value.upper(),
        "order_type": _TYPES[ticket.order_type],
        "outstanding_hold_amount": plain(state.held),
        "post_only": str(ticket.post_only).lower(),
        "product_id": ticket.instrument.symbol,
        "product_type": "SPOT",
        "reject_reason": "HOLD_FAILURE" if now == FAILED else "",
        "retail_portfolio_id": key.portfolio_id,
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": now,
        "stop_price": "",
        "time_in_force": time_in_force(ticket),
        "total_fees": plain(state.fee),
        "total_value_after_fees": plain(_value_after_fees(order, state)),
        "trigger_status": "INVALID_ORDER_TYPE",
        "creation_time": iso(order.opened_at),
        "end_time": _NEVER if ticket.expires_at is None else iso(ticket.expires_at),
        "start_time": _NEVER,
    }


def _left(order: Order, state: OrderState, market: Market) -> Decimal:
    """What has not traded, in base: at the present price where the order is sized in quote."""
    ticket = order.ticket
    if not ticket.volume_in_quote:
        return ticket.volume - state.executed
    if state.status is OrderStatus.CLOSED:
        return ZERO
    return ((order.budget - state.cost) / market.quotes[ticket.instrument.symbol].ask).quantize(_SIZE_STEP, ROUND_DOWN)


def _value_after_fees(order: Order, state: OrderState) -> Decimal:
    """What traded, and of a resting order what has not at its limit, with the fee of both."""
    ticket = order.ticket
    value, fees = state.cost, state.fee
    if ticket.limit_price is not None and state.status in LIVE:
        rest = (ticket.volume - state.executed) * ticket.limit_price
        value, fees = value + rest, fees + rest * order.fee_rate
    return value + fees if ticket.side is Side.BUY else value - fees
