"""Looking at orders and trades (Kraken REST docs, Account Data). All answers trail by the read lag."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from paper_exchange.core.orders import LIVE, Order, OrderState, Trade
from paper_exchange.kraken.calls import PrivateCall, Result
from paper_exchange.kraken.errors import invalid_argument
from paper_exchange.kraken.formats import moment
from paper_exchange.kraken.identifiers import ORDER_ID
from paper_exchange.kraken.orders import consolidated, order_record, trade_record
from paper_exchange.kraken.parameters import required

_PAGE = 50
_MOST_ORDERS = 50
_MOST_TRADES = 20
_Row = TypeVar("_Row")


def query_orders(call: PrivateCall) -> Result:
    """QueryOrders: by `txid`, at most 50; ids that nobody knows are left out without an error."""
    required(call.parameters.text("txid"), "")
    names = call.parameters.names("txid")
    if len(names) > _MOST_ORDERS:
        raise invalid_argument("txid")
    found = (call.key.account.orders.get(name) for name in names)
    wanted = _chooser(call)
    horizon = call.horizon()
    return {
        order.order_id: _record(call, order, state)
        for order in found
        if order is not None and wanted(order) and (state := order.state_at(horizon)) is not None
    }


def open_orders(call: PrivateCall) -> Result:
    """OpenOrders: what rests or waits for its trigger, newest first."""
    horizon, wanted = call.horizon(), _chooser(call)
    account = call.key.account
    orders: Iterable[Order] = account.live_orders.values() if horizon is None else account.orders.values()
    shown = [
        (order, state)
        for order in orders
        if (state := order.state_at(horizon)) is not None and state.status in LIVE and wanted(order)
    ]
    return {"open": {order.order_id: _record(call, order, state) for order, state in reversed(shown)}}


def closed_orders(call: PrivateCall) -> Result:
    """ClosedOrders: filled, canceled and expired ones, newest first, 50 a page."""
    horizon, wanted = call.horizon(), _chooser(call)
    by_opening = call.parameters.text("closetime") == "open"
    start, end = (_moment_of(call, name) for name in ("start", "end"))
    shown = [
        (order, state)
        for order in _ended(call)
        if wanted(order)
        and (state := order.state_at(horizon)) is not None
        and state.status not in LIVE
        and _within(order.opened_at if by_opening else state.time, start, end)
    ]
    shown.reverse()
    records = {order.order_id: _record(call, order, state) for order, state in _page(call, shown)}
    return {"closed": records} if call.parameters.flag("without_count") else {"closed": records, "count": len(shown)}


def trades_history(call: PrivateCall) -> Result:
    """TradesHistory: newest first, 50 a page; one row for all that an order took at once, unless told otherwise."""
    start, end = (_moment_of(call, name) for name in ("start", "end"))
    trades = visible_trades(call)
    if call.parameters.text("consolidate_taker") is None or call.parameters.flag("consolidate_taker"):
        trades = consolidated(trades)
    shown = [trade for trade in trades if _within(trade.time, start, end)]
    shown.reverse()
    with_ledgers = call.parameters.flag("ledgers")
    records = {
        trade.trade_id: trade_record(trade, call.catalogue, with_ledgers=with_ledgers) for trade in _page(call, shown)
    }
    return {"trades": records} if call.parameters.flag("without_count") else {"trades": records, "count": len(shown)}


def query_trades(call: PrivateCall) -> Result:
    """QueryTrades: by trade id, at most 20; unknown ids are left out."""
    names = call.parameters.names("txid")
    if not 0 < len(names) <= _MOST_TRADES:
        raise invalid_argument("txid")
    found = {trade.trade_id: trade for trade in visible_trades(call)}
    with_ledgers = call.parameters.flag("ledgers")
    return {
        name: trade_record(found[name], call.catalogue, with_ledgers=with_ledgers) for name in names if name in found
    }


def open_positions(_call: PrivateCall) -> Result:
    """OpenPositions: none, there is no margin here."""
    return {}


def visible_trades(call: PrivateCall) -> list[Trade]:
    """The account's trades up to the read lag, oldest first."""
    horizon = call.horizon()
    trades = call.key.account.trades
    return trades[:] if horizon is None else [trade for trade in trades if trade.time <= horizon]


def _ended(call: PrivateCall) -> Iterable[Order]:
    account = call.key.account
    client_id = call.parameters.text("cl_ord_id")
    if client_id is not None:
        return [order for order in account.orders_by_client_id.get(client_id, ()) if not order.is_live]
    return account.ended_orders


def _chooser(call: PrivateCall) -> Callable[[Order], bool]:
    user_reference, client_id = call.parameters.user_reference(), call.parameters.text("cl_ord_id")

    def wanted(order: Order) -> bool:
        return user_reference in (None, order.ticket.user_reference) and client_id in (
            None,
            order.ticket.client_order_id,
        )

    return wanted


def _record(call: PrivateCall, order: Order, state: OrderState) -> dict[str, Any]:
    pair = call.catalogue.pair_of(order.ticket.instrument.symbol)
    return order_record(order, state, pair, with_trades=call.parameters.flag("trades"))


def _moment_of(call: PrivateCall, name: str) -> float | None:
    text = call.parameters.text(name)
    if text is not None and ORDER_ID.match(text):
        order = call.key.account.orders.get(text)
        if order is None:
            raise invalid_argument(name)
        return moment(order.opened_at if order.closed_at is None else order.closed_at)
    traded_at = next((trade.time for trade in call.key.account.trades if trade.trade_id == text), None)
    return moment(traded_at) if traded_at is not None else call.parameters.seconds(name)


def _within(at: float, start: float | None, end: float | None) -> bool:
    # Compared as it is shown: a client that asks from the last time that it saw does not get that row again.
    shown = moment(at)
    return (start is None or shown > start) and (end is None or shown <= end)


def _page(call: PrivateCall, rows: list[_Row]) -> list[_Row]:
    offset = max(call.parameters.whole("ofs", 0) or 0, 0)
    return rows[offset : offset + _PAGE]
