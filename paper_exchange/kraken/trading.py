"""Placing, changing and canceling orders (Kraken REST docs, Trading)."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from paper_exchange.core.engine import InsufficientFunds, WouldTake
from paper_exchange.core.orders import Order, OrderStatus, Ticket
from paper_exchange.kraken.calls import PrivateCall, Result, find_pair
from paper_exchange.kraken.errors import (
    ENGINE_RATE_LIMIT,
    INSUFFICIENT_FUNDS,
    INVALID_ORDER,
    ORDERS_LIMIT,
    POST_ONLY,
    UNKNOWN_ORDER,
    KrakenError,
    invalid_argument,
)
from paper_exchange.kraken.formats import iso
from paper_exchange.kraken.instruments import Pair
from paper_exchange.kraken.limits import AMEND_PENALTY, CANCEL_PENALTY, EDIT_PENALTY, LIMITS, age_penalty
from paper_exchange.kraken.orders import describe
from paper_exchange.kraken.parameters import Parameters
from paper_exchange.kraken.tickets import (
    check_deadline,
    check_service,
    check_size,
    check_status,
    read_price,
    read_ticket,
)

_REQUESTED = "User requested"
_BATCH = range(2, 16)
_MOST_CANCELS = 50
_LONGEST_SWITCH_S = 86_400


def add_order(call: PrivateCall) -> Result:
    """AddOrder: `descr` and `txid`; with `validate` only `descr`, and neither client id nor funds are looked at."""
    ticket, pair = read_ticket(call.exchange, call.catalogue, call.parameters)
    if call.parameters.flag("validate"):
        return {"descr": {"order": describe(ticket, pair)}}
    charge_engine(call, ticket.instrument.symbol, 1)
    ticket.fill_fraction = call.fill_fraction
    order = place(call, ticket)
    return {"descr": {"order": describe(ticket, pair)}, "txid": [order.order_id]}


def add_order_batch(call: PrivateCall) -> Result:
    """AddOrderBatch: 2 to 15 orders of one pair; a bad parameter refuses all, the engine refuses one by one."""
    items = call.parameters.items("orders")
    pair = find_pair(call.catalogue, call.parameters)
    if len(items) not in _BATCH or not all(isinstance(item, dict) for item in items):
        raise invalid_argument("orders")
    check_deadline(call.exchange, call.parameters)
    shared = {"pair": pair.pair_id}
    read = [read_ticket(call.exchange, call.catalogue, Parameters({**item, **shared})) for item in items]
    if call.parameters.flag("validate"):
        return {"orders": [{"descr": {"order": describe(ticket, pair)}} for ticket, _ in read]}
    charge_engine(call, pair.instrument.symbol, len(items) / 2)
    return {"orders": [_place_item(call, ticket, pair) for ticket, _ in read]}


def amend_order(call: PrivateCall) -> Result:
    """AmendOrder: new size or prices for a live order, which keeps its id."""
    parameters, engine = call.parameters, call.exchange.engine
    if (parameters.text("txid") is None) == (parameters.text("cl_ord_id") is None):
        raise invalid_argument()
    check_deadline(call.exchange, parameters)
    order = _one_live_order(call)
    pair, ticket = call.catalogue.pair_of(order.ticket.instrument.symbol), order.ticket
    check_status(call.exchange, pair.instrument, ticket.order_type, ticket.side, post_only=ticket.post_only)
    volume = parameters.number("order_qty") or ticket.volume
    if volume <= order.state.executed:
        raise invalid_argument("order_qty")
    limit_price = _new_price(call, pair, ticket, "limit_price", ticket.limit_price)
    trigger_price = _new_price(call, pair, ticket, "trigger_price", ticket.trigger_price)
    changed = Ticket(
        instrument=ticket.instrument,
        side=ticket.side,
        order_type=ticket.order_type,
        volume=volume,
        limit_price=limit_price,
        trigger_price=trigger_price,
    )
    check_size(call.exchange.market.quotes[pair.instrument.symbol], changed)
    charge_engine(call, pair.instrument.symbol, 1 + age_penalty(AMEND_PENALTY, _age(call, order)))
    try:
        engine.amend(call.key.account, order, volume, limit_price, trigger_price)
    except InsufficientFunds:
        raise KrakenError(INSUFFICIENT_FUNDS) from None
    return {"amend_id": call.exchange.identifiers.trade_id()}


def edit_order(call: PrivateCall) -> Result:
    """EditOrder: cancels a live order and places another with a new id."""
    order = _one_live_order(call)
    pair = find_pair(call.catalogue, call.parameters)
    old = order.ticket
    values: dict[str, Any] = {
        "pair": pair.pair_id,
        "type": old.side.value,
        "ordertype": old.order_type.value,
        "volume": call.parameters.text("volume") or f"{old.volume:f}",
        "price": call.parameters.text("price") or _plain(old.trigger_price or old.limit_price),
        "price2": call.parameters.text("price2") or (_plain(old.limit_price) if old.trigger_price else None),
        "oflags": call.parameters.text("oflags") or ("post" if old.post_only else None),
        "userref": call.parameters.text("userref"),
        "deadline": call.parameters.text("deadline"),
    }
    ticket, _ = read_ticket(call.exchange, call.catalogue, Parameters(values))
    if call.parameters.flag("validate"):
        return {"descr": {"order": describe(ticket, pair)}}
    charge_engine(call, pair.instrument.symbol, 1 + age_penalty(EDIT_PENALTY, _age(call, order)))
    call.exchange.engine.cancel(call.key.account, order, _REQUESTED)
    return {"descr": {"order": describe(ticket, pair)}, "txid": place(call, ticket).order_id}


def cancel_order(call: PrivateCall) -> Result:
    """CancelOrder by `txid`, by a user reference in its place, or by `cl_ord_id`."""
    check_service(call.exchange)
    client_id, name = call.parameters.client_order_id(), call.parameters.text("txid")
    if (client_id is None) == (name is None):
        raise invalid_argument()
    return {"count": _cancel_all_of(call, _live_orders(call, name, client_id))}


def cancel_order_batch(call: PrivateCall) -> Result:
    """CancelOrderBatch: ids or user references in `orders`, client ids in `cl_ord_ids`, at most 50."""
    check_service(call.exchange)
    names = [str(item) for item in call.parameters.items("orders")]
    client_ids = [str(item) for item in call.parameters.items("cl_ord_ids")]
    if not 0 < len(names) + len(client_ids) <= _MOST_CANCELS:
        raise invalid_argument("orders")
    wanted = [(name, None) for name in names] + [(None, client_id) for client_id in client_ids]
    count = 0
    for name, client_id in wanted:
        try:
            count += _cancel_all_of(call, _live_orders(call, name, client_id))
        except KrakenError:
            if len(wanted) == 1:
                raise
    return {"count": count}


def cancel_all(call: PrivateCall) -> Result:
    """CancelAll: every live order of the account, whoever placed it."""
    check_service(call.exchange)
    return {"count": _cancel_all_of(call, list(call.key.account.live_orders.values()))}


def cancel_all_orders_after(call: PrivateCall) -> Result:
    """CancelAllOrdersAfter: a dead man's switch in seconds; 0 disarms it."""
    timeout = call.parameters.whole("timeout")
    if timeout is None or not 0 <= timeout < _LONGEST_SWITCH_S:
        raise invalid_argument("timeout")
    now = call.exchange.clock.now()
    fires_at = call.exchange.cancel_all_after(call.key.account, timeout)
    return {"currentTime": iso(now), "triggerTime": "0" if fires_at is None else iso(fires_at)}


def charge_engine(call: PrivateCall, symbol: str, points: float) -> None:
    """Charges the engine's counter of the account and pair; raises KrakenError when it is full."""
    if not call.exchange.settings.rate_limits:
        return
    limits = LIMITS[call.key.tier]
    counter = call.key.order_counter(symbol)
    if not counter.try_charge(points, limits.order_points, limits.order_decay, time.monotonic()):
        raise KrakenError(ENGINE_RATE_LIMIT)


def place(call: PrivateCall, ticket: Ticket) -> Order:
    """The last checks (client id, number of orders, funds) and the order itself; raises KrakenError."""
    account = call.key.account
    # Only among open orders: after a fill the same id makes a second order, as at the venue.
    if account.live_named(ticket.client_order_id):
        raise invalid_argument("cl_ord_id not unique")
    if call.exchange.settings.rate_limits and len(account.live_orders) >= LIMITS[call.key.tier].open_orders:
        symbol = ticket.instrument.symbol
        open_there = sum(order.ticket.instrument.symbol == symbol for order in account.live_orders.values())
        if open_there >= LIMITS[call.key.tier].open_orders:
            raise KrakenError(ORDERS_LIMIT)
    try:
        return call.exchange.place(account, ticket)
    except InsufficientFunds:
        raise KrakenError(INSUFFICIENT_FUNDS) from None
    except WouldTake:
        raise KrakenError(POST_ONLY) from None


def _place_item(call: PrivateCall, ticket: Ticket, pair: Pair) -> dict[str, Any]:
    try:
        order = place(call, ticket)
    except KrakenError as error:
        return {"error": error.text}
    return {"txid": order.order_id, "descr": {"order": describe(ticket, pair)}}


def _live_orders(call: PrivateCall, name: str | None, client_id: str | None) -> list[Order]:
    account = call.key.account
    if client_id is not None:
        found = account.live_named(client_id)
    elif name is not None and name.lstrip("-").isdigit():
        found = [order for order in account.live_orders.values() if order.ticket.user_reference == int(name)]
    else:
        order = account.orders.get(name or "")
        if order is None:
            raise KrakenError(INVALID_ORDER)
        found = [order] if order.is_live else []
    if not found:
        raise KrakenError(UNKNOWN_ORDER)
    return found


def _one_live_order(call: PrivateCall) -> Order:
    return _live_orders(call, call.parameters.text("txid"), call.parameters.text("cl_ord_id"))[0]


def _cancel_all_of(call: PrivateCall, orders: list[Order]) -> int:
    limits = LIMITS[call.key.tier]
    for order in orders:
        if order.state.status is OrderStatus.OPEN and call.exchange.settings.rate_limits:
            penalty = age_penalty(CANCEL_PENALTY, _age(call, order))
            counter = call.key.order_counter(order.ticket.instrument.symbol)
            counter.charge(penalty, limits.order_decay, time.monotonic())
        call.exchange.engine.cancel(call.key.account, order, _REQUESTED)
    return len(orders)


def _age(call: PrivateCall, order: Order) -> float:
    return call.exchange.clock.now() - order.opened_at


def _new_price(call: PrivateCall, pair: Pair, ticket: Ticket, name: str, old: Decimal | None) -> Decimal | None:
    text = call.parameters.text(name)
    if text is None:
        return old
    if old is None:
        raise invalid_argument(name)
    return read_price(text, name, pair, call.exchange.market.quotes[pair.instrument.symbol].last, ticket.side)


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
