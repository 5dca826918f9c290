"""What the ledger's tables answer with: frozen rows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One recorded signal; times are unix seconds, ``size`` in the unit that ``size_type`` names.

    ``filled_before``: base of the same order that earlier signals covered, or that is not copied.
    """

    signal_id: SignalId
    venue: BrokerType
    master: AccountId
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    size_type: SizeType
    order_id: str
    master_balance: Decimal
    position_before: Decimal | None
    timestamp: float
    planned_at: float
    observe_only: bool
    by_hand: bool
    filled_before: Decimal


@dataclass(frozen=True, slots=True)
class CopyRow:
    """One user's share in one signal. ``price`` is the signal's, ``reason`` says why it was not copied."""

    client_order_id: ClientOrderId
    signal_id: SignalId
    account: AccountId
    user_id: str
    venue: BrokerType
    symbol: str
    side: Side
    state: OrderState
    reason: str
    code: str
    note: str
    leg: int
    attempt: int
    balance: Decimal
    quantity: Decimal
    quote_value: Decimal
    price: Decimal
    order_id: VenueOrderId | None
    executed: Decimal
    average_price: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    deadline: float
    planned_at: float
    answered_at: float | None
    settled_at: float | None
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class PartRow:
    """One copy of one part of a master's order: ``size`` in base, ``price`` in quote, both of the part's signal."""

    signal_id: SignalId
    size: Decimal
    filled_before: Decimal
    price: Decimal
    copy: CopyRow


@dataclass(frozen=True, slots=True)
class MasterOrderRow:
    """One order that copies nothing: a master's, or one that a user's account decided for itself.

    ``signal_id`` is None until its signal was recorded; a user's own order never has one.
    """

    client_order_id: ClientOrderId
    account: AccountId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    balance_before: Decimal
    position_before: Decimal
    state: OrderState
    reason: str
    order_id: VenueOrderId | None
    executed: Decimal
    average_price: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    intended_at: float
    answered_at: float | None
    settled_at: float | None
    signal_id: SignalId | None


@dataclass(frozen=True, slots=True)
class WatchRow:
    """How far a master is watched, unix seconds.

    Attributes:
        since: executions from then on count.
        until: everything from before has become signals, or is known not to.
    """

    account: AccountId
    since: float
    until: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class UncopiedRow:
    """Base of one order by hand that no signal covers and none will, and why."""

    account: AccountId
    order_id: str
    executed: Decimal
    reason: str
    at: float


class OwnPosition(NamedTuple):
    """Coins (base) that an account's own orders bought and that are left, at which average price (quote), and since
    when (unix seconds)."""

    quantity: Decimal
    average_price: Decimal
    opened_at: float


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of an order's history; equal states, or none, mean that nothing moved."""

    client_order_id: ClientOrderId
    account: AccountId
    at: float
    from_state: OrderState | None
    to_state: OrderState | None
    detail: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """How an account looked last; balance and equity in US dollars."""

    account: AccountId
    connected: bool
    status: str
    balance: Decimal | None
    equity: Decimal | None
    checked_at: float


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """How an account looked last in one quarter of an hour; balance and equity in US dollars, ``at`` unix seconds."""

    account: AccountId
    at: float
    balance: Decimal | None
    equity: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order as the ledger has it, to be compared with a venue's books; cost and fee as the venue gave them."""

    account: AccountId
    client_order_id: ClientOrderId
    order_id: VenueOrderId | None
    state: OrderState
    executed: Decimal
    cost: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything ever recorded, counted.

    Attributes:
        emitted: signals.
        copied: copies that the venue has.
        skipped: copies that were not to be sent, by the short form of their reason.
        failed: copies that the venue refused or that came to nothing.
        open: copies of which something is still to be done or found out.
    """

    emitted: int
    copied: int
    skipped: dict[str, int]
    failed: int
    open: int

    @property
    def skipped_total(self) -> int:
        """All skipped copies."""
        return sum(self.skipped.values())
