"""Orders, fills, balances, and the sizes that may become orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.enums import AccountType, OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId, TradeId, VenueOrderId
from bot.domain.money import DOLLARS, ZERO
from bot.domain.outcomes import Accepted, Outcome, Rejected, Unknown


@dataclass(frozen=True, slots=True)
class Sized:
    """A size that passed every guard: only this reaches a broker.

    Attributes:
        quantity: base, a multiple of the lot step.
        quote_value: what it is worth at the signal's price; where buys are sized in quote, what is to be spent.
        note: what trimmed it, for people ("capped at 10 % of the balance"), or empty.
    """

    quantity: Decimal
    quote_value: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no order. ``code`` is short and counted, ``detail`` has the figures."""

    code: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


@dataclass(frozen=True, slots=True)
class MarketOrder:
    """One market order, ready for the wire.

    Attributes:
        symbol: canonical.
        quantity: base, above zero.
        price: the price it was sized with, in quote; an estimate, never a limit.
        quote_value: what a buy may spend at a venue that sizes buys in quote; zero where only the quantity is known.
        position_before: the account's coins before it, base; known for masters.
        balance_before: the account's trading balance before it, US dollars; known for masters.
        made_at: unix seconds when it was decided: a master's own, or the one that is copied; 0 when not known.
        made_ns: the same on the monotonic clock, which never steps back; 0 when not known.
        leg: counts from 1; a later one sells what was bought too late for the exit before.
        attempt: counts from 1; a later one only after the one before is proven absent.
        own: decided for this account itself; it copies nothing.
    """

    account: AccountId
    client_order_id: ClientOrderId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    quote_value: Decimal = ZERO
    position_before: Decimal = ZERO
    balance_before: Decimal = ZERO
    made_at: float = 0.0
    made_ns: int = 0
    leg: int = 1
    attempt: int = 1
    own: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of an order, as the venue booked it. Price, cost in quote; fee in ``fee_currency``."""

    trade_id: TradeId
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    time: float


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the venue says of an order: executed size (base), average price, cost and fee (quote).

    ``final`` means that nothing more can happen to it; ``complete``, that the venue says that all of it was done: where
    a buy is sized in quote its coins alone cannot tell.
    """

    order_id: VenueOrderId
    executed: Decimal
    average_price: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    final: bool
    reason: str = ""
    fills: tuple[Fill, ...] = ()
    complete: bool = False


@dataclass(frozen=True, slots=True)
class AccountBalances:
    """One account's money and coins at one moment.

    Attributes:
        available: spendable now, per currency (canonical codes).
        held: bound in open orders, per currency.
        earning: lent or staked by the venue's own programmes, per currency; in neither of the two above.
        equity: US dollars of everything at the last known prices; None when a price is missing.
        fee_rate: taker fee, 0.0026 is 0.26 %.
        at: unix seconds when the venue was asked.
    """

    available: Mapping[str, Decimal]
    held: Mapping[str, Decimal] = field(default_factory=dict)
    equity: Decimal | None = None
    fee_rate: Decimal = ZERO
    at: float = 0.0
    earning: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def trading_balance(self) -> Decimal:
        """USD + USDT + USDC that can be spent."""
        return sum((self.available.get(code, ZERO) for code in DOLLARS), ZERO)

    def coins_of(self, base: str) -> Decimal:
        """Coins of a currency that can be sold: free ones, and those that earn, which a venue frees by itself."""
        return self.available.get(base, ZERO) + self.earning.get(base, ZERO)

    @property
    def holdings(self) -> dict[str, Decimal]:
        """Coins (everything that is not a dollar), held ones included, zero ones left out."""
        codes = {*self.available, *self.held} - set(DOLLARS)
        totals = {code: self.available.get(code, ZERO) + self.held.get(code, ZERO) for code in codes}
        return {code: total for code, total in sorted(totals.items()) if total}


@dataclass(frozen=True, slots=True)
class OrderResult:
    """How a ``place_market_order`` ended.

    Attributes:
        order: what was to be placed; None when it was refused before it had a size.
        outcome: Accepted, Rejected or Unknown.
        state: the order's state when the call returned.
        report: the venue's word on the fill, when it was had in time.
    """

    account: AccountId
    order: MarketOrder | None
    outcome: Outcome
    state: OrderState
    report: OrderReport | None = None
    sent_at_ns: int = 0
    answered_at_ns: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the venue has the order."""
        return isinstance(self.outcome, Accepted)

    @property
    def sent_blindly(self) -> bool:
        """Whether it may have been placed, and nobody knows."""
        return isinstance(self.outcome, Unknown)

    @property
    def order_id(self) -> VenueOrderId | None:
        """The venue's id of it."""
        return self.outcome.order_id if isinstance(self.outcome, Accepted) else None

    @property
    def reason(self) -> str:
        """Why it was not placed, or is not known to be; empty when it was."""
        return "" if isinstance(self.outcome, Accepted) else self.outcome.reason

    def __bool__(self) -> bool:
        return self.accepted


def is_master(account: AccountId) -> bool:
    """Whether the account leads."""
    return account.account_type is AccountType.MASTER


def is_own(order: MarketOrder) -> bool:
    """Whether an order copies nothing: a master's, or one that a user's account decided for itself."""
    return order.own or is_master(order.account)


def rejected(account: AccountId, reason: str, order: MarketOrder | None = None) -> OrderResult:
    """A result for what was refused before anything was sent."""
    return OrderResult(account, order, Rejected(reason, sent=False), OrderState.REJECTED)


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as its venue lists it, whoever placed it: sizes in base, cost and fee as the venue gives them.

    Attributes:
        client_order_id: the name that it was placed under; None when it has none.
        symbol: canonical; the venue's own spelling where it is not listed any more.
        open: it may still trade.
        time: unix seconds when it was placed.
    """

    order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    symbol: str
    side: Side
    quantity: Decimal
    executed: Decimal
    cost: Decimal
    fee: Decimal
    open: bool
    time: float
