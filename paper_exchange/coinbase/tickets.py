"""Reads an order into a ticket, with the venue's checks (Coinbase docs, Create Order)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_exchange.coinbase.calls import Call
from paper_exchange.coinbase.errors import OrderRefused, invalid_argument
from paper_exchange.coinbase.formats import unix_seconds
from paper_exchange.coinbase.instruments import Product
from paper_exchange.core.instruments import TradingStatus
from paper_exchange.core.market import Quote
from paper_exchange.core.orders import OrderType, Side, Ticket, TimeInForce

_PLAIN_NUMBER = re.compile(r"^-?(\d+(\.\d*)?|\.\d+)$")
_MARKET = "market_market_ioc"
_LIMITS = {
    "limit_limit_gtc": TimeInForce.GOOD_TILL_CANCELED,
    "limit_limit_gtd": TimeInForce.GOOD_TILL_DATE,
    "limit_limit_fok": TimeInForce.FILL_OR_KILL,
    "sor_limit_ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
}
_UNKNOWN = "UNKNOWN_FAILURE_REASON"
_UNSUPPORTED = "UNSUPPORTED_ORDER_CONFIGURATION"
_BAD_CONFIGURATION = "PREVIEW_INVALID_ORDER_CONFIG"


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as it was asked for: the form is right, what is in it is not looked at yet."""

    product: Product
    side: Side
    kind: str
    values: Mapping[str, Any]
    client_order_id: str | None
    configuration: dict[str, Any]


def read_wish(call: Call, *, named: bool) -> Wish:
    """The order in the body; `named` if it must have a client order id. Raises CoinbaseError or OrderRefused."""
    body = call.body()
    product_id, client_order_id = body.get("product_id"), body.get("client_order_id")
    if not isinstance(product_id, str) or not product_id:
        raise invalid_argument("valid product_id is required")
    product = call.catalogue.products.get(product_id)
    if product is None:
        raise invalid_argument("ProductID is invalid")
    if named and (not isinstance(client_order_id, str) or not client_order_id):
        raise invalid_argument("client_order_id is required")
    if product.instrument.quote not in call.key.account.balances:
        raise invalid_argument("account is not available")
    if body.get("side") not in ("BUY", "SELL"):
        raise OrderRefused("INVALID_SIDE", "PREVIEW_INVALID_SIDE")
    configuration = body.get("order_configuration")
    if not isinstance(configuration, dict) or len(configuration) != 1:
        raise OrderRefused(_UNSUPPORTED, _BAD_CONFIGURATION)
    ((kind, values),) = configuration.items()
    if not isinstance(values, dict) or (kind != _MARKET and kind not in _LIMITS):
        raise OrderRefused(_UNSUPPORTED, _BAD_CONFIGURATION)
    _check_strings(values)
    return Wish(product, Side(body["side"].lower()), kind, values, client_order_id, configuration)


def read_ticket(call: Call, wish: Wish) -> Ticket:
    """The ticket of a wish; raises CoinbaseError or OrderRefused at the first check that fails."""
    quote = call.exchange.market.quotes[wish.product.instrument.symbol]
    _check_state(call, wish)
    ticket = _market_ticket(wish) if wish.kind == _MARKET else _limit_ticket(call, wish)
    _check_size(wish, ticket, quote)
    return ticket


def _market_ticket(wish: Wish) -> Ticket:
    in_quote = "quote_size" in wish.values
    if in_quote is ("base_size" in wish.values) or (in_quote and wish.side is Side.SELL):
        raise OrderRefused(_UNSUPPORTED, _BAD_CONFIGURATION)
    return Ticket(
        instrument=wish.product.instrument,
        side=wish.side,
        order_type=OrderType.MARKET,
        volume=_number(wish.values["quote_size" if in_quote else "base_size"]),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        volume_in_quote=in_quote,
        fee_included=in_quote,
        client_order_id=wish.client_order_id,
    )


def _limit_ticket(call: Call, wish: Wish) -> Ticket:
    if "base_size" not in wish.values or "limit_price" not in wish.values:
        raise OrderRefused(_UNSUPPORTED, _BAD_CONFIGURATION)
    instrument, price = wish.product.instrument, _number(wish.values["limit_price"])
    if price <= 0:
        raise OrderRefused("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE")
    if price % instrument.price_step:
        raise OrderRefused("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION")
    return Ticket(
        instrument=instrument,
        side=wish.side,
        order_type=OrderType.LIMIT,
        volume=_number(wish.values["base_size"]),
        limit_price=price,
        time_in_force=_LIMITS[wish.kind],
        expires_at=_end_time(call, wish),
        post_only=wish.values.get("post_only") is True,
        client_order_id=wish.client_order_id,
    )


def _end_time(call: Call, wish: Wish) -> float | None:
    if _LIMITS[wish.kind] is not TimeInForce.GOOD_TILL_DATE:
        return None
    try:
        ends_at = unix_seconds(str(wish.values.get("end_time")))
    except ValueError:
        raise invalid_argument("end_time is invalid") from None
    if ends_at <= call.exchange.clock.now():
        raise invalid_argument("end_time is in the past")
    return ends_at


def _check_strings(values: Mapping[str, Any]) -> None:
    for name in ("base_size", "quote_size", "limit_price", "end_time"):
        if not isinstance(values.get(name, ""), str):
            raise invalid_argument(f"{name} must be a string")


def _number(text: str) -> Decimal:
    if not _PLAIN_NUMBER.match(text):
        raise OrderRefused(_UNKNOWN, "PREVIEW_NON_NUMERIC_ORDER_SIZE")
    return Decimal(text)


def _check_state(call: Call, wish: Wish) -> None:
    for mode in (call.exchange.settings.system_status.value, wish.product.instrument.status.value):
        refused = (
            mode == TradingStatus.CANCEL_ONLY
            or (mode == TradingStatus.LIMIT_ONLY and wish.kind == _MARKET)
            or (mode == TradingStatus.POST_ONLY and wish.values.get("post_only") is not True)
            or (mode == TradingStatus.REDUCE_ONLY and wish.side is Side.BUY)
        )
        if refused:
            raise OrderRefused("TRADING_DISABLED", "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE", f"market is {mode}")


def _check_size(wish: Wish, ticket: Ticket, quote: Quote) -> None:
    # The venue rejects what is off the grid instead of rounding it.
    product, instrument = wish.product, wish.product.instrument
    if ticket.volume_in_quote:
        if ticket.volume % product.quote_step:
            raise OrderRefused("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_QUOTE_SIZE_PRECISION")
        _check_range("QUOTE", ticket.volume, instrument.minimum_cost, product.largest_quote)
        return
    if ticket.volume % instrument.size_step:
        raise OrderRefused("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION")
    _check_range("BASE", ticket.volume, instrument.minimum_size, product.largest_base)
    price = ticket.limit_price or (quote.ask if ticket.side is Side.BUY else quote.bid)
    # The smallest base size looks tiny: the floor that counts is the value.
    _check_range("BASE", ticket.volume * price, instrument.minimum_cost, product.largest_quote)


def _check_range(unit: str, value: Decimal, least: Decimal, most: Decimal) -> None:
    if value < least or value <= 0:
        raise OrderRefused(_UNKNOWN, f"PREVIEW_INVALID_{unit}_SIZE_TOO_SMALL")
    if value > most:
        raise OrderRefused(_UNKNOWN, f"PREVIEW_INVALID_{unit}_SIZE_TOO_LARGE")
