"""Placing and canceling orders, with Alpaca's checks (Alpaca docs, Orders at Alpaca)."""

from __future__ import annotations

from decimal import Decimal

from paper_exchange.alpaca.calls import PrivateCall, Result
from paper_exchange.alpaca.errors import (
    duplicate_client_order_id,
    insufficient_balance,
    invalid,
    not_found,
    refused,
    unprocessable,
)
from paper_exchange.alpaca.formats import cut_to_cents, plain
from paper_exchange.alpaca.instruments import DOLLAR, SIZE_DECIMALS, Pair
from paper_exchange.alpaca.orders import just_accepted, order_record, status_of
from paper_exchange.alpaca.parameters import Body
from paper_exchange.core.engine import InsufficientFunds
from paper_exchange.core.orders import Order, OrderType, Side, Ticket, TimeInForce
from paper_exchange.core.settings import SystemStatus

_TYPES = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}
_TIMES_IN_FORCE = {"gtc": TimeInForce.GOOD_TILL_CANCELED, "ioc": TimeInForce.IMMEDIATE_OR_CANCEL}
_NOTIONAL_DECIMALS = 2
_LONGEST_CLIENT_ID = 128
_MOST_DOLLARS = Decimal(200_000)
_REQUESTED = "User requested"


def submit_order(call: PrivateCall) -> Result:
    """POST /v2/orders: the order as it is at the moment of acceptance, `pending_new`."""
    body = Body.read(call.body)
    pair = _pair(call, body)
    ticket, notional = _ticket(call, body, pair)
    _check_client_order_id(call, ticket)
    _check_open_for_orders(call)
    _check_size(call, ticket, notional)
    order = _place(call, ticket, notional)
    return order_record(order, just_accepted(order), call.catalogue, notional)


def cancel_order(call: PrivateCall) -> Result:
    """DELETE /v2/orders/{id}: no body."""
    order = call.key.account.orders.get(call.argument)
    if order is None:
        raise not_found(f"order not found for {call.argument}")
    if not order.is_live:
        raise unprocessable(f'order is already in "{status_of(order.state)}" state')
    call.exchange.engine.cancel(call.key.account, order, _REQUESTED)


def cancel_orders(call: PrivateCall) -> Result:
    """DELETE /v2/orders: each live order with the status of its cancel."""
    ended = list(call.key.account.live_orders)
    call.exchange.cancel_all(call.key.account, _REQUESTED)
    return [{"id": order_id, "status": 200} for order_id in ended]


def _pair(call: PrivateCall, body: Body) -> Pair:
    name = body.text("symbol")
    if name is None:
        raise invalid("symbol is required")
    pair = call.catalogue.pair(name)
    if pair is None:
        raise unprocessable(f'asset "{name}" not found')
    if not pair.is_active:
        raise unprocessable(f"asset {pair.slash} is not active")
    return pair


def _ticket(call: PrivateCall, body: Body, pair: Pair) -> tuple[Ticket, Decimal | None]:
    side = _side(body)
    order_type = _TYPES.get(body.text("type") or "")
    if order_type is None or body.text("order_class") not in (None, "simple"):
        raise invalid("invalid order type for crypto order")
    time_in_force = _TIMES_IN_FORCE.get(body.text("time_in_force") or "")
    if time_in_force is None:
        raise invalid("invalid crypto time_in_force")
    limit_price = _limit_price(body, pair, order_type)
    volume, notional = _volume(body)
    by_amount = volume is None
    if volume is None:
        volume = notional or Decimal(0)
    if by_amount and (side is Side.SELL or limit_price is not None):
        # The engine spends amounts for market buys only; for the others the amount is turned into coins now.
        volume = pair.instrument.round_size_down(volume / (limit_price or _market_price(call, pair, side)))
        by_amount = False
    ticket = Ticket(
        instrument=pair.instrument,
        side=side,
        order_type=order_type,
        volume=volume,
        limit_price=limit_price,
        time_in_force=time_in_force,
        volume_in_quote=by_amount,
        client_order_id=body.text("client_order_id"),
        fill_fraction=call.fill_fraction,
    )
    return ticket, notional


def _side(body: Body) -> Side:
    side = body.text("side")
    if side not in (Side.BUY, Side.SELL):
        raise invalid("side must be buy or sell")
    return Side(side)


def _volume(body: Body) -> tuple[Decimal | None, Decimal | None]:
    volume, notional = body.number("qty"), body.number("notional")
    if volume is None and notional is None:
        raise invalid("qty is required")
    if volume is not None and notional is not None:
        raise invalid("only one of qty or notional is accepted")
    if notional is not None and _decimals(notional) > _NOTIONAL_DECIMALS:
        raise unprocessable("notional value must be limited to 2 decimal places")
    if volume is not None and _decimals(volume) > SIZE_DECIMALS:
        raise unprocessable("qty must be limited to 9 decimal places")
    return volume, notional


def _limit_price(body: Body, pair: Pair, order_type: OrderType) -> Decimal | None:
    price = body.number("limit_price")
    if order_type is OrderType.MARKET:
        if price is not None:
            raise invalid("market orders must not have a limit price")
        return None
    if price is None:
        raise invalid("limit orders require a limit price")
    if price != pair.instrument.round_price(price):
        raise unprocessable(f"limit price must be a multiple of {plain(pair.instrument.price_step)}")
    return price


def _check_client_order_id(call: PrivateCall, ticket: Ticket) -> None:
    if ticket.client_order_id is None:
        ticket.client_order_id = call.exchange.identifiers.order_id()
    elif len(ticket.client_order_id) > _LONGEST_CLIENT_ID:
        raise invalid("client_order_id must be no more than 128 characters")
    # For good: an id is not free again when its order has ended.
    if call.key.account.named(ticket.client_order_id) is not None:
        raise duplicate_client_order_id()


def _check_open_for_orders(call: PrivateCall) -> None:
    if call.exchange.settings.system_status is not SystemStatus.ONLINE:
        raise refused("new orders are not accepted at the moment")


def _check_size(call: PrivateCall, ticket: Ticket, notional: Decimal | None) -> None:
    instrument = ticket.instrument
    price = ticket.limit_price or _market_price(call, call.catalogue.pair_of(instrument.symbol), ticket.side)
    size = ticket.volume / price if ticket.volume_in_quote else ticket.volume
    cost = notional or ticket.volume * price
    if ticket.side is Side.BUY and cost < instrument.minimum_cost:
        raise refused(f"cost basis must be >= minimal amount of order {plain(instrument.minimum_cost)}")
    if size < instrument.minimum_size:
        raise refused(f"order qty must be >= minimal qty of order {plain(instrument.minimum_size)}")
    if instrument.quote == DOLLAR and cost > _MOST_DOLLARS:
        raise refused(f"cost basis must be <= maximal amount of order {plain(_MOST_DOLLARS)}")


def _place(call: PrivateCall, ticket: Ticket, notional: Decimal | None) -> Order:
    account, instrument = call.key.account, ticket.instrument
    if notional is not None:
        # Whoever listens to the account is told of the order before it is answered.
        call.key.notionals[ticket.client_order_id or ""] = notional
    try:
        return call.exchange.place(account, ticket)
    except InsufficientFunds:
        call.key.notionals.pop(ticket.client_order_id or "", None)
        if ticket.side is Side.SELL:
            asset, requested = instrument.base, ticket.volume
        else:
            price = ticket.limit_price or _market_price(call, call.catalogue.pair_of(instrument.symbol), ticket.side)
            asset, requested = instrument.quote, notional or ticket.volume * price
        available, balance = account.available(asset), account.balances.get(asset, Decimal(0))
        if asset == DOLLAR:
            available, balance = cut_to_cents(available), cut_to_cents(balance)
        raise insufficient_balance(asset, requested, available, balance, instrument.quote) from None


def _market_price(call: PrivateCall, pair: Pair, side: Side) -> Decimal:
    quote = call.exchange.market.quotes[pair.instrument.symbol]
    return quote.ask if side is Side.BUY else quote.bid


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
