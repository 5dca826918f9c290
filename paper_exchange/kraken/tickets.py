"""Reads an AddOrder into a ticket, with Kraken's checks in Kraken's order (Kraken REST docs, AddOrder).

The order of checks is: arguments, pair, status, volume and price. What comes after (rate, client id, funds) needs the
account and is in `trading`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from paper_exchange.core.exchange import Exchange
from paper_exchange.core.instruments import Instrument, TradingStatus
from paper_exchange.core.market import Quote
from paper_exchange.core.orders import LIMIT_TYPES, TRIGGERED_TYPES, ZERO, OrderType, Side, Ticket, TimeInForce
from paper_exchange.core.settings import SystemStatus
from paper_exchange.kraken.calls import find_pair
from paper_exchange.kraken.errors import (
    COST_MINIMUM,
    DEADLINE_ELAPSED,
    FEATURE_DISABLED,
    SERVICE_UNAVAILABLE,
    KrakenError,
    invalid_argument,
    market_mode,
)
from paper_exchange.kraken.instruments import Catalogue, Pair
from paper_exchange.kraken.parameters import Parameters, plain_number, required

_LONGEST_DEADLINE_S = 60.0
# A client whose clock is a little ahead must not be refused for a deadline of exactly sixty seconds.
_DEADLINE_TOLERANCE_S = 1.0
_FLAGS = frozenset({"post", "fcib", "fciq", "viqc", "nompp"})
_KNOWN_BUT_ABSENT = frozenset({"iceberg", "trailing-stop", "trailing-stop-limit", "settle-position"})
_ABSENT_FEATURES = ("leverage", "displayvol", "close[ordertype]", "reduce_only")
_Choice = TypeVar("_Choice", bound=StrEnum)


def read_ticket(exchange: Exchange, catalogue: Catalogue, parameters: Parameters) -> tuple[Ticket, Pair]:
    """The ticket and its pair; raises KrakenError at the first check that fails."""
    side = _choice(Side, parameters, "type")
    order_type = _order_type(parameters)
    volume = parameters.number("volume")
    if volume is None or volume <= 0:
        raise invalid_argument("volume")
    flags = _flags(parameters, side, order_type)
    user_reference, client_order_id = parameters.user_reference(), parameters.client_order_id()
    if user_reference is not None and client_order_id is not None:
        raise invalid_argument("userref")
    time_in_force = _time_in_force(parameters, order_type)
    expires_at = _expiry(exchange, parameters)
    _refuse_absent_features(parameters)
    check_deadline(exchange, parameters)
    pair = find_pair(catalogue, parameters)
    post_only = "post" in flags
    check_status(exchange, pair.instrument, order_type, side, post_only=post_only)
    limit_price, trigger_price = _prices(exchange, parameters, pair, side, order_type)
    ticket = Ticket(
        instrument=pair.instrument,
        side=side,
        order_type=order_type,
        volume=volume,
        limit_price=limit_price,
        trigger_price=trigger_price,
        time_in_force=time_in_force,
        expires_at=expires_at,
        post_only=post_only,
        volume_in_quote="viqc" in flags,
        client_order_id=client_order_id,
        user_reference=user_reference,
    )
    check_size(exchange.market.quotes[pair.instrument.symbol], ticket)
    return ticket, pair


def check_deadline(exchange: Exchange, parameters: Parameters) -> None:
    """Raises KrakenError for a deadline that has passed or is more than a minute away."""
    deadline = parameters.deadline()
    if deadline is None or not exchange.settings.deadline_enforced:
        return
    left = deadline - exchange.clock.now()
    if left <= 0:
        raise KrakenError(DEADLINE_ELAPSED)
    if left > _LONGEST_DEADLINE_S + _DEADLINE_TOLERANCE_S:
        raise invalid_argument("deadline")


def check_service(exchange: Exchange) -> None:
    """Raises KrakenError while the venue is down for maintenance."""
    if exchange.settings.system_status is SystemStatus.MAINTENANCE:
        raise KrakenError(SERVICE_UNAVAILABLE)


def check_status(
    exchange: Exchange, instrument: Instrument, order_type: OrderType, side: Side, *, post_only: bool
) -> None:
    """Raises KrakenError when the venue or the market does not take such an order at the moment."""
    check_service(exchange)
    for mode in (exchange.settings.system_status.value, instrument.status.value):
        refused = (
            mode == TradingStatus.CANCEL_ONLY
            or (mode == TradingStatus.POST_ONLY and not post_only)
            or (mode == TradingStatus.LIMIT_ONLY and order_type is not OrderType.LIMIT)
            or (mode == TradingStatus.REDUCE_ONLY and side is Side.BUY)
        )
        if refused:
            raise market_mode(mode)


def check_size(quote: Quote, ticket: Ticket) -> None:
    """Raises KrakenError below the minimums; sizes in quote are judged at the present price."""
    instrument = ticket.instrument
    best = quote.ask if ticket.side is Side.BUY else quote.bid
    price = ticket.limit_price or ticket.trigger_price or best
    decimals = instrument.cost_decimals if ticket.volume_in_quote else instrument.size_decimals
    if ticket.volume != ticket.volume.quantize(Decimal(1).scaleb(-decimals)):
        raise invalid_argument("volume")
    size = ticket.volume / price if ticket.volume_in_quote else ticket.volume
    if size < instrument.minimum_size:
        raise invalid_argument("volume minimum not met")
    if (ticket.volume if ticket.volume_in_quote else size * price) < instrument.minimum_cost:
        raise KrakenError(COST_MINIMUM)


def read_price(text: str, name: str, pair: Pair, last: Decimal, side: Side) -> Decimal:
    """A price, absolute or relative: `+`, `-` and `#` are offsets from the last trade, `%` makes them percent.

    So a stray minus is no error but an offset, as at the venue. Raises KrakenError.
    """
    sign, rest = (text[0], text[1:]) if text[0] in "+-#" else ("", text)
    percent = rest.endswith("%")
    value = plain_number(rest.removesuffix("%"), name)
    if not sign and not percent:
        return _checked_price(value, name, pair)
    offset = last * value / 100 if percent else value
    down = sign == "-" or (sign == "#" and side is Side.BUY)
    return pair.instrument.round_price(last - offset if down else last + offset)


def _choice(kind: type[_Choice], parameters: Parameters, name: str) -> _Choice:
    try:
        return kind(required(parameters.text(name), name))
    except ValueError:
        raise invalid_argument(name) from None


def _order_type(parameters: Parameters) -> OrderType:
    if parameters.text("ordertype") in _KNOWN_BUT_ABSENT:
        raise KrakenError(FEATURE_DISABLED)
    return _choice(OrderType, parameters, "ordertype")


def _flags(parameters: Parameters, side: Side, order_type: OrderType) -> frozenset[str]:
    flags = frozenset(parameters.names("oflags"))
    if flags - _FLAGS or {"fcib", "fciq"} <= flags:
        raise invalid_argument("oflags")
    if "viqc" in flags and (side is Side.SELL or order_type is not OrderType.MARKET):
        raise invalid_argument("viqc")
    if "post" in flags and order_type is not OrderType.LIMIT:
        raise invalid_argument("oflags")
    return flags


def _time_in_force(parameters: Parameters, order_type: OrderType) -> TimeInForce:
    if parameters.text("timeinforce") is None:
        return TimeInForce.GOOD_TILL_CANCELED
    chosen = _choice(TimeInForce, parameters, "timeinforce")
    if chosen is TimeInForce.FILL_OR_KILL and order_type is not OrderType.LIMIT:
        raise invalid_argument("timeinforce")
    return chosen


def _expiry(exchange: Exchange, parameters: Parameters) -> float | None:
    text = parameters.text("expiretm")
    if text is None or text == "0":
        return None
    value = float(plain_number(text.removeprefix("+"), "expiretm"))
    at = exchange.clock.now() + value if text.startswith("+") else value
    if at <= exchange.clock.now():
        raise invalid_argument("expiretm")
    return at


def _refuse_absent_features(parameters: Parameters) -> None:
    if parameters.text("starttm") not in (None, "0"):
        raise KrakenError(FEATURE_DISABLED)
    for name in _ABSENT_FEATURES:
        if parameters.text(name) not in (None, "none", "0", "false", "False"):
            raise KrakenError(FEATURE_DISABLED)


def _prices(
    exchange: Exchange, parameters: Parameters, pair: Pair, side: Side, order_type: OrderType
) -> tuple[Decimal | None, Decimal | None]:
    if order_type is OrderType.MARKET:
        return None, None
    last = exchange.market.quotes[pair.instrument.symbol].last
    first = read_price(required(parameters.text("price"), "price"), "price", pair, last, side)
    if order_type not in TRIGGERED_TYPES:
        return first, None
    if order_type not in LIMIT_TYPES:
        return None, first
    return read_price(required(parameters.text("price2"), "price2"), "price2", pair, first, side), first


def _checked_price(value: Decimal, name: str, pair: Pair) -> Decimal:
    if value <= ZERO:
        raise invalid_argument(name)
    decimals = pair.instrument.price_decimals
    if value != value.quantize(pair.instrument.price_step):
        raise KrakenError(f"EOrder:Invalid price:{pair.pair_id} price can only be specified up to {decimals} decimals.")
    return value
