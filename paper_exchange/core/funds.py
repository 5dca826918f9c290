"""What an order costs: the funds that it needs, what of them it has spent, and its fee."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from paper_exchange.core.orders import ZERO, Fill, Order, OrderState, Side, Ticket


class FeeIn(StrEnum):
    """The asset that fees are taken in: always quote, or what the order receives (base on buys, quote on sells)."""

    QUOTE = "quote"
    RECEIVED = "received"


def fee_asset(fee_in: FeeIn, ticket: Ticket) -> str:
    """The asset that a ticket's fee is taken in."""
    in_base = fee_in is FeeIn.RECEIVED and ticket.side is Side.BUY
    return ticket.instrument.base if in_base else ticket.instrument.quote


def paid_asset(ticket: Ticket) -> str:
    """The asset that a ticket pays with: quote for a buy, base for a sell."""
    return ticket.instrument.quote if ticket.side is Side.BUY else ticket.instrument.base


def funds_for(order: Order, fills: Iterable[Fill], rests: bool) -> Decimal:
    """What an order that trades `fills` now needs of the asset it pays with; resting, it needs funds for all of it."""
    ticket = order.ticket
    if rests:
        return funds_to_rest(order, order.left)
    if ticket.side is Side.SELL:
        return sum((fill.volume for fill in fills), ZERO) if ticket.volume_in_quote else order.left
    if ticket.fee_included:
        return ticket.volume - (spent(order, order.state) if order.states else ZERO)
    cost = ticket.instrument.round_cost(sum((fill.cost for fill in fills), ZERO))
    return cost + (ticket.instrument.round_cost(cost * order.fee_rate) if _pays_fee_on_top(order) else ZERO)


def funds_to_rest(order: Order, volume: Decimal) -> Decimal:
    """What a limit order sets aside for a volume in base, rounded up."""
    ticket = order.ticket
    if ticket.side is Side.SELL:
        return volume
    cost = ticket.instrument.round_cost_up(volume * (ticket.limit_price or ZERO))
    return cost + (ticket.instrument.round_cost_up(cost * order.fee_rate) if _pays_fee_on_top(order) else ZERO)


def spent(order: Order, state: OrderState) -> Decimal:
    """What an order had spent in some state of the asset that it pays with."""
    if order.ticket.side is Side.SELL:
        return state.executed
    return state.cost + (state.fee if _pays_fee_on_top(order) else ZERO)


def whole_fee(order: Order, executed: Decimal, cost: Decimal) -> Decimal:
    """The fee of all that an order has traded, in its fee asset."""
    ticket = order.ticket
    if order.fee_asset != ticket.instrument.quote:
        return ticket.instrument.round_fee_in_base(executed * order.fee_rate)
    if ticket.fee_included and cost == order.budget:
        return ticket.volume - cost
    return ticket.instrument.round_cost(cost * order.fee_rate)


def _pays_fee_on_top(order: Order) -> bool:
    return order.ticket.side is Side.BUY and order.fee_asset == order.ticket.instrument.quote
