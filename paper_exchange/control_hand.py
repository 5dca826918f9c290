"""Orders that an account's owner places and cancels by hand, past the venue's API and its limits."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from paper_exchange.control_models import NewOrder
from paper_exchange.core.accounts import Account
from paper_exchange.core.engine import InsufficientFunds
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.orders import Order, OrderType, Ticket

_REQUESTED = "User requested"


def place_by_hand(exchange: Exchange, account: Account, wanted: NewOrder) -> Order:
    """Places an order as a person does at the venue's own page.

    Raises ValueError for what the market does not take and for want of funds; then nothing has changed.
    """
    instrument = exchange.instruments.get(wanted.symbol)
    if instrument is None:
        raise ValueError(f"no symbol {wanted.symbol} at {account.venue}")
    _check(wanted, instrument)
    ticket = Ticket(
        instrument=instrument,
        side=wanted.side,
        order_type=wanted.type,
        volume=wanted.volume,
        limit_price=wanted.price,
        client_order_id=wanted.client_order_id,
    )
    try:
        return exchange.place(account, ticket)
    except InsufficientFunds:
        raise ValueError(f"{account.name} cannot pay for it") from None


def cancel_by_hand(exchange: Exchange, account: Account, order: Order) -> None:
    """Cancels an order; raises ValueError when it has ended already."""
    if not order.is_live:
        raise ValueError(f"order {order.order_id} is {order.state.status}")
    exchange.engine.cancel(account, order, _REQUESTED)


def _check(wanted: NewOrder, instrument: Instrument) -> None:
    if (wanted.price is not None) is not (wanted.type is OrderType.LIMIT):
        raise ValueError("price: a limit order needs one, a market order has none")
    if wanted.price is not None and not _is_in_steps(wanted.price, instrument.price_step):
        raise ValueError(f"price: must be in steps of {instrument.price_step:f}")
    if not _is_in_steps(wanted.volume, instrument.size_step):
        raise ValueError(f"volume: must be in steps of {instrument.size_step:f}")
    if wanted.volume < instrument.minimum_size:
        raise ValueError(f"volume: must be at least {instrument.minimum_size:f}")


def _is_in_steps(value: Decimal, step: Decimal) -> bool:
    try:
        return value == value.quantize(step)
    except InvalidOperation:
        return False
