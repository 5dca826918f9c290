"""Looking up orders and fills, newest first (Coinbase docs, Get Order; List Orders; List Fills)."""

from __future__ import annotations

from paper_exchange.coinbase.calls import Call, Parameters, Result
from paper_exchange.coinbase.errors import NOT_FOUND, CoinbaseError, invalid_argument
from paper_exchange.coinbase.formats import iso, unix_seconds
from paper_exchange.coinbase.identifiers import UUID
from paper_exchange.coinbase.orders import OPEN, fill_record, fill_time, order_record, status
from paper_exchange.coinbase.paging import page
from paper_exchange.core.orders import Order, OrderState, Trade

_PAGE, _LONGEST_PAGE = 100, 1000


def get_order(call: Call) -> Result:
    """One order by the venue's id; there is no look-up by client order id."""
    order_id = call.incoming.names["order_id"]
    if not UUID.match(order_id):
        raise invalid_argument(f"invalid OrderId {order_id} passed to endpoint")
    order = call.key.account.orders.get(order_id)
    state = order.state_at(call.horizon()) if order is not None else None
    if order is None or state is None:
        raise CoinbaseError(404, NOT_FOUND, "order not found")
    return {"order": order_record(order, state, call.key)}


def list_orders(call: Call) -> Result:
    """All orders that fit the filters, newest first, a page at a time."""
    parameters, horizon = call.parameters, call.horizon()
    wanted = _OrderFilter(parameters)
    rows = []
    for place, order in enumerate(call.key.account.orders.values()):
        state = order.state_at(horizon)
        if state is not None and wanted.fits(order, state):
            rows.append((place, (order, state)))
    shown, more, cursor = page(parameters, rows[::-1], _PAGE, _LONGEST_PAGE)
    return {
        "orders": [order_record(order, state, call.key) for order, state in shown],
        "sequence": "0",
        "has_next": more,
        "cursor": cursor,
    }


def get_fills(call: Call) -> Result:
    """All fills that fit the filters, newest first; an empty cursor says that there are no more."""
    parameters, horizon, account = call.parameters, call.horizon(), call.key.account
    wanted = _FillFilter(parameters)
    rows = [
        (place, trade)
        for place, trade in enumerate(account.trades)
        if (horizon is None or trade.time <= horizon) and wanted.fits(trade)
    ]
    shown, _, cursor = page(parameters, rows[::-1], _PAGE, _LONGEST_PAGE)
    return {
        "fills": [fill_record(trade, account.orders[trade.order_id], call.key) for trade in shown],
        "cursor": cursor,
    }


class _OrderFilter:
    def __init__(self, parameters: Parameters) -> None:
        self._ids = parameters.texts("order_ids")
        self._products = parameters.texts("product_ids", "product_id")
        self._statuses = parameters.texts("order_status")
        self._side = parameters.text("order_side")
        self._types = parameters.texts("order_types", "order_type")
        self._start = _time(parameters, "start_date")
        self._end = _time(parameters, "end_date")
        if OPEN in self._statuses and len(set(self._statuses)) > 1:
            raise invalid_argument("order_status OPEN cannot be combined with other statuses")

    def fits(self, order: Order, state: OrderState) -> bool:
        ticket = order.ticket
        return (
            (not self._ids or order.order_id in self._ids)
            and (not self._products or ticket.instrument.symbol in self._products)
            and (not self._statuses or status(order, state) in self._statuses)
            and self._side in (None, ticket.side.value.upper())
            and (not self._types or ticket.order_type.value.upper() in self._types)
            and (self._start is None or order.opened_at >= self._start)
            and (self._end is None or order.opened_at < self._end)
        )


class _FillFilter:
    def __init__(self, parameters: Parameters) -> None:
        self._orders = parameters.texts("order_ids", "order_id")
        self._trades = parameters.texts("trade_ids")
        self._products = parameters.texts("product_ids", "product_id")
        # Compared as they are shown: a client that asks from the last time that it saw gets that fill again.
        self._start = _shown_time(parameters, "start_sequence_timestamp")
        self._end = _shown_time(parameters, "end_sequence_timestamp")

    def fits(self, trade: Trade) -> bool:
        shown = iso(fill_time(trade))
        return (
            (not self._orders or trade.order_id in self._orders)
            and (not self._trades or trade.trade_id in self._trades)
            and (not self._products or trade.instrument.symbol in self._products)
            and (self._start is None or shown >= self._start)
            and (self._end is None or shown <= self._end)
        )


def _shown_time(parameters: Parameters, name: str) -> str | None:
    at = _time(parameters, name)
    return None if at is None else iso(at)


def _time(parameters: Parameters, name: str) -> float | None:
    text = parameters.text(name)
    if text is None:
        return None
    try:
        return unix_seconds(text)
    except ValueError:
        raise invalid_argument(f"{name} is invalid") from None
