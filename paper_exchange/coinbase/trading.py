"""Placing, previewing and canceling orders (Coinbase docs, Orders). Refusals by the market are HTTP 200."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.coinbase.calls import Call, Result
from paper_exchange.coinbase.errors import OrderRefused, invalid_argument
from paper_exchange.coinbase.formats import plain
from paper_exchange.coinbase.tickets import Wish, read_ticket, read_wish
from paper_exchange.core.engine import InsufficientFunds, WouldTake
from paper_exchange.core.funds import funds_for
from paper_exchange.core.orders import ZERO, Order, OrderStatus, Side
from paper_exchange.core.settings import DuplicateAnswer

_MOST_CANCELS = 100
#: Also the value for what was canceled.
_NO_CANCEL_REASON = "UNKNOWN_CANCEL_FAILURE_REASON"
_CANCEL_REASONS = {
    OrderStatus.CLOSED: "ORDER_IS_FULLY_FILLED",
    OrderStatus.CANCELED: "DUPLICATE_CANCEL_REQUEST",
    OrderStatus.EXPIRED: "NOT_ALLOWED_TO_CANCEL",
}
_INSUFFICIENT = OrderRefused("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", "Insufficient balance in source account")


def create_order(call: Call) -> Result:
    """Places an order; success means accepted, not filled.

    A client order id that was used before places nothing: the answer is the first order's id with what this request
    asked for, or a refusal, as is set.
    """
    try:
        wish = read_wish(call, named=True)
    except OrderRefused as refused:
        return refusal(refused, call.body().get("order_configuration"))
    try:
        order_id = _place(call, wish)
    except OrderRefused as refused:
        return refusal(refused, wish.configuration)
    return {
        "success": True,
        "success_response": {
            "order_id": order_id,
            "product_id": wish.product.instrument.symbol,
            "side": wish.side.value.upper(),
            "client_order_id": wish.client_order_id,
            "attached_order_id": "",
        },
        "order_configuration": _echo(wish),
    }


def refusal(refused: OrderRefused, configuration: Any) -> Result:
    """The answer to an order that the venue does not take."""
    return {
        "success": False,
        "error_response": {
            "error": refused.reason,
            "message": refused.message,
            "error_details": "",
            "preview_failure_reason": refused.preview_reason,
            "new_order_failure_reason": refused.reason,
        },
        "order_configuration": configuration,
    }


def preview_order(call: Call) -> Result:
    """What an order would cost; what is wrong with it stands in `errs`."""
    quote_size = base_size = fee = total = ""
    errors: list[str] = []
    bid = ask = ZERO
    try:
        wish = read_wish(call, named=False)
        quote = call.exchange.market.quotes[wish.product.instrument.symbol]
        bid, ask = quote.bid, quote.ask
        ticket = read_ticket(call, wish)
        order = Order("", "", ticket, call.exchange.fee_rate(call.key.account), 0.0, ticket.instrument.quote)
        fills = call.exchange.engine.plan(ticket, order.left)
        cost = sum((fill.cost for fill in fills), ZERO)
        commission = ticket.volume - cost if ticket.fee_included else cost * order.fee_rate
        quote_size, base_size = plain(cost), plain(sum((fill.volume for fill in fills), ZERO))
        fee = plain(commission)
        total = plain(cost + commission if ticket.side is Side.BUY else cost - commission)
        paid = ticket.instrument.quote if ticket.side is Side.BUY else ticket.instrument.base
        if funds_for(order, fills, rests=not fills) > call.key.account.available(paid):
            raise _INSUFFICIENT
    except OrderRefused as refused:
        errors.append(refused.preview_reason)
    return {
        "order_total": total,
        "commission_total": fee,
        "errs": errors,
        "warning": [],
        "quote_size": quote_size,
        "base_size": base_size,
        "best_bid": plain(bid),
        "best_ask": plain(ask),
        "is_max": False,
        "order_margin_total": "0",
        "leverage": "",
        "long_leverage": "",
        "short_leverage": "",
        "slippage": "0",
        "preview_id": call.exchange.identifiers.order_id(),
    }


def cancel_orders(call: Call) -> Result:
    """Cancels up to 100 orders, each with a result of its own."""
    ids = call.body().get("order_ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= _MOST_CANCELS:
        raise invalid_argument("order_ids must be 1 to 100 ids")
    return {"results": [_cancel(call, str(order_id)) for order_id in ids]}


def _place(call: Call, wish: Wish) -> str:
    account = call.key.account
    first = account.named(wish.client_order_id)
    if first is not None:
        if call.exchange.settings.duplicate_client_order_id is DuplicateAnswer.REJECT:
            raise OrderRefused("DUPLICATE_CLIENT_ORDER_ID", "UNKNOWN_PREVIEW_FAILURE_REASON", "duplicate order")
        return first.order_id
    ticket = read_ticket(call, wish)
    ticket.fill_fraction = call.fill_fraction
    try:
        order = call.exchange.place(account, ticket)
    except InsufficientFunds:
        raise _INSUFFICIENT from None
    except WouldTake:
        raise OrderRefused("INVALID_LIMIT_PRICE_POST_ONLY", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY") from None
    call.key.configurations[order.order_id] = _echo(wish)
    call.placed = order.order_id
    return order.order_id


def _echo(wish: Wish) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: plain(Decimal(value)) if name.endswith(("_size", "_price")) else value
        for name, value in wish.values.items()
    }
    return {wish.kind: values | {"rfq_enabled": False, "rfq_disabled": False}}


def _cancel(call: Call, order_id: str) -> dict[str, Any]:
    account = call.key.account
    order = account.orders.get(order_id)
    reason = "UNKNOWN_CANCEL_ORDER" if order is None else _CANCEL_REASONS.get(order.state.status, _NO_CANCEL_REASON)
    done = order is not None and order.is_live
    if order is not None and done:
        call.exchange.engine.cancel(account, order, "User requested")
    return {"success": done, "failure_reason": reason, "order_id": order_id}
