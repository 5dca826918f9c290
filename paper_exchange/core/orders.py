"""Orders, their states over time, and the trades that they made."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from paper_exchange.core.instruments import Instrument

ZERO = Decimal(0)


class Side(StrEnum):
    """Which way the base asset goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """The kinds of order that the engine knows."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop-loss"
    TAKE_PROFIT = "take-profit"
    STOP_LOSS_LIMIT = "stop-loss-limit"
    TAKE_PROFIT_LIMIT = "take-profit-limit"


class TimeInForce(StrEnum):
    """What happens to the part of an order that does not trade at once."""

    GOOD_TILL_CANCELED = "GTC"
    IMMEDIATE_OR_CANCEL = "IOC"
    GOOD_TILL_DATE = "GTD"
    FILL_OR_KILL = "FOK"


class OrderStatus(StrEnum):
    """`pending` waits for its trigger, `open` rests in the book; `closed` is filled, and the last three are final."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"
    EXPIRED = "expired"


LIVE = frozenset({OrderStatus.PENDING, OrderStatus.OPEN})
TRIGGERED_TYPES = frozenset(set(OrderType) - {OrderType.MARKET, OrderType.LIMIT})
LIMIT_TYPES = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


class OrderState(NamedTuple):
    """An order as it stood from `time` (unix seconds) on.

    `executed` is in base, `cost` in quote, `fee` in the order's fee asset; `held` is what the order keeps back, in
    quote for a buy and in base for a sell; `reason` says why it ended early; `amendments` counts the changes of its
    terms.
    """

    time: float
    status: OrderStatus
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    held: Decimal = ZERO
    reason: str | None = None
    amendments: int = 0


class Fill(NamedTuple):
    """A planned execution: price and cost in quote, volume in base."""

    price: Decimal
    volume: Decimal
    cost: Decimal


class Trade(NamedTuple):
    """One execution of one order; `volume` in base, `cost` in quote, `fee` in `fee_asset`, `time` in unix seconds."""

    trade_id: str
    number: int
    order_id: str
    instrument: Instrument
    side: Side
    order_type: OrderType
    price: Decimal
    volume: Decimal
    cost: Decimal
    fee: Decimal
    time: float
    maker: bool
    ledger_ids: tuple[str, str]
    fee_asset: str


@dataclass(slots=True, kw_only=True, eq=False)
class Ticket:
    """What somebody wants to trade, checked in form but not yet in funds.

    `volume` is in base, or in quote when `volume_in_quote`. `fill_fraction` below one leaves the rest of a market
    order untraded. `fee_included`: the fee of a buy sized in quote comes out of its volume instead of on top.
    """

    instrument: Instrument
    side: Side
    order_type: OrderType
    volume: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    expires_at: float | None = None
    post_only: bool = False
    volume_in_quote: bool = False
    fee_included: bool = False
    client_order_id: str | None = None
    user_reference: int | None = None
    fill_fraction: Decimal = Decimal(1)


@dataclass(slots=True, eq=False)
class Order:
    """A ticket that was accepted, with everything that became of it; the last of `states` is the present one."""

    order_id: str
    account: str
    ticket: Ticket
    fee_rate: Decimal
    opened_at: float
    fee_asset: str
    states: list[OrderState] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)

    @property
    def state(self) -> OrderState:
        """The present state."""
        return self.states[-1]

    @property
    def is_live(self) -> bool:
        """Whether the order can still trade or be canceled."""
        return self.states[-1].status in LIVE

    @property
    def remaining(self) -> Decimal:
        """The part that has not traded, in base; for orders sized in base."""
        return self.ticket.volume - self.states[-1].executed

    @property
    def budget(self) -> Decimal:
        """What may trade in all, in the unit of the ticket's volume: less the fee, where the volume includes it."""
        ticket = self.ticket
        if not ticket.fee_included:
            return ticket.volume
        return ticket.instrument.round_cost_down(ticket.volume / (1 + self.fee_rate))

    @property
    def left(self) -> Decimal:
        """What has not traded, in the unit of the ticket's volume."""
        if not self.states:
            return self.budget
        state = self.states[-1]
        return self.budget - (state.cost if self.ticket.volume_in_quote else state.executed)

    @property
    def closed_at(self) -> float | None:
        """Unix seconds of the end, or `None` while the order lives."""
        last = self.states[-1]
        return None if last.status in LIVE else last.time

    def state_at(self, horizon: float | None) -> OrderState | None:
        """The state that held at a unix time, `None` if the order did not exist yet; no horizon means now."""
        if horizon is None:
            return self.states[-1]
        return next((state for state in reversed(self.states) if state.time <= horizon), None)


class Identifiers(Protocol):
    """Makes the ids of one venue, in that venue's form; none is ever made twice."""

    def order_id(self) -> str: ...

    def trade_id(self) -> str: ...

    def ledger_id(self) -> str: ...
