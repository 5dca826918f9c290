"""Looking at orders and fills (Alpaca docs, Orders and Account Activities). All answers trail by the read lag."""

from __future__ import annotations

from typing import Any

from paper_exchange.alpaca.calls import PrivateCall, Result
from paper_exchange.alpaca.errors import bad_parameter, not_found
from paper_exchange.alpaca.formats import nanoseconds, read_nanoseconds
from paper_exchange.alpaca.orders import fill_records, order_record
from paper_exchange.core.orders import LIVE, Order, OrderState

_ORDERS = 50
_MOST_ORDERS = 500
_MOST_FILLS = 100


def order_by_id(call: PrivateCall) -> Result:
    """GET /v2/orders/{id}."""
    return _one(call, call.key.account.orders.get(call.argument), call.argument)


def order_by_client_order_id(call: PrivateCall) -> Result:
    """GET /v2/orders:by_client_order_id: ended orders too."""
    name = call.query.text("client_order_id") or ""
    return _one(call, call.key.account.named(name), name)


def orders(call: PrivateCall) -> Result:
    """GET /v2/orders: open ones unless `status` says otherwise, newest first unless `direction` does."""
    wanted, limit = call.query.choice("status", ("open", "closed", "all")), _page_size(call, "limit")
    after, until = call.query.moment("after"), call.query.moment("until")
    newest_first = call.query.choice("direction", ("desc", "asc")) == "desc"
    pairs = [call.catalogue.pair(name) for name in call.query.names("symbols")]
    symbols = {pair.instrument.symbol for pair in pairs if pair is not None}
    side, horizon = call.query.text("side"), call.horizon()
    shown = [
        (order, state)
        for order in call.key.account.orders.values()
        if (after is None or nanoseconds(order.opened_at) > after)
        and (until is None or nanoseconds(order.opened_at) < until)
        and (not pairs or order.ticket.instrument.symbol in symbols)
        and side in (None, order.ticket.side.value)
        and (state := order.state_at(horizon)) is not None
        and (wanted == "all" or (state.status in LIVE) is (wanted == "open"))
    ]
    if newest_first:
        shown.reverse()
    return [_record(call, order, state) for order, state in shown[:limit]]


def fills(call: PrivateCall) -> Result:
    """GET /v2/account/activities/FILL: newest first unless `direction` says otherwise; `page_token` is the last id."""
    kinds = call.query.names("activity_types")
    if kinds and "FILL" not in kinds:
        return []
    after, until = call.query.moment("after"), call.query.moment("until")
    only, horizon = call.query.text("order_id"), call.horizon()
    shown = [
        record
        for order in call.key.account.orders.values()
        if only in (None, order.order_id)
        for record in fill_records(order, call.catalogue, horizon)
        if (after is None or read_nanoseconds(record["transaction_time"]) > after)
        and (until is None or read_nanoseconds(record["transaction_time"]) < until)
    ]
    shown.sort(key=lambda record: str(record["transaction_time"]))
    if call.query.choice("direction", ("desc", "asc")) == "desc":
        shown.reverse()
    first = _position(shown, call.query.text("page_token"))
    return shown[first : first + call.query.whole("page_size", _MOST_FILLS, _MOST_FILLS)]


def _page_size(call: PrivateCall, name: str) -> int:
    return call.query.whole(name, _ORDERS, _MOST_ORDERS)


def _position(rows: list[dict[str, Any]], token: str | None) -> int:
    if token is None:
        return 0
    last = next((index for index, row in enumerate(rows) if row["id"] == token), None)
    if last is None:
        raise bad_parameter("page_token", token)
    return last + 1


def _one(call: PrivateCall, order: Order | None, name: str) -> Result:
    state = None if order is None else order.state_at(call.horizon())
    if order is None or state is None:
        raise not_found(f"order not found for {name}")
    return _record(call, order, state)


def _record(call: PrivateCall, order: Order, state: OrderState) -> dict[str, Any]:
    return order_record(order, state, call.catalogue, call.key.notional_of(order))
