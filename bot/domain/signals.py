"""A master's executed trade, and what became of it at each user."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId, signal_id_of
from bot.domain.money import ONE, ZERO
from bot.domain.orders import OrderReport, Refused, Sized


@dataclass(frozen=True, slots=True)
class TradeSignal:
    """One executed master trade: everything a follower's size depends on, frozen at that moment.

    Attributes:
        broker: the venue of the master.
        symbol: as the master gave it, ``BTC-USD``.
        side: buy or sell.
        price: quote per base, the price the master's size was made with.
        size: in the unit that ``size_type`` names.
        size_type: base or quote.
        order_id: the venue's id of the master's order.
        master_balance: the master's trading balance before the trade, US dollars.
        timestamp: unix seconds of the venue's answer.
        position_before: the master's coins before the trade, base; None when not known.
        signal_id: the same order always has the same one.
        master: the account that traded.
        answered_ns: monotonic nanoseconds of the venue's answer, for latency; 0 when not known.
        made_ns: monotonic nanoseconds when the master's order was made; 0 when an earlier process made it.
        by_hand: the bot did not place the order: it was seen on the account.
        filled_before: base, what earlier signals of the same order covered; an order by hand may fill little by little.
        complete: of an order by hand: it is done with this part, no further one comes.
    """

    broker: BrokerType
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    size_type: SizeType
    order_id: str
    master_balance: Decimal
    timestamp: float
    position_before: Decimal | None = None
    signal_id: SignalId = field(default=SignalId(""))
    master: AccountId | None = None
    answered_ns: int = 0
    made_ns: int = 0
    by_hand: bool = False
    filled_before: Decimal = ZERO
    complete: bool = False

    def __post_init__(self) -> None:
        if self.master is None:
            object.__setattr__(self, "master", AccountId.master(self.broker))
        if not self.signal_id:
            object.__setattr__(self, "signal_id", signal_id_of(self.master_account, self.order_id))

    @property
    def master_account(self) -> AccountId:
        """The account that traded."""
        return self.master or AccountId.master(self.broker)

    @property
    def is_entry(self) -> bool:
        """Entries may be dropped; exits never."""
        return self.side is Side.BUY

    @property
    def is_last_part(self) -> bool:
        """Whether no further part of the master's order is to be expected."""
        return self.complete or not self.by_hand

    @property
    def share_sold(self) -> Decimal:
        """Of an exit: the share of the master's coins that it sold, above 0 and at most 1."""
        position = self.position_before
        return ONE if not position or self.base_size >= position else self.base_size / position

    @property
    def base_size(self) -> Decimal:
        """The size in base, through the signal's price where it was given in quote."""
        return self.size if self.size_type is SizeType.BASE else self.size / self.price


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """One user's share in one signal, as the plan decided it.

    Attributes:
        balance: the user's trading balance that the size was made from, US dollars.
        decision: the size, or why there is none.
        state: SUBMITTING for what leaves now, PLANNED for an exit that has to wait, OBSERVED, EXPIRED or SKIPPED.
        deadline: unix seconds after which the venue must not match it any more.
        leg: counts from 1; a later one sells what was bought too late for the exit before.
    """

    signal_id: SignalId
    account: AccountId
    client_order_id: ClientOrderId
    symbol: str
    side: Side
    balance: Decimal
    decision: Sized | Refused
    state: OrderState
    reason: str = ""
    attempt: int = 1
    deadline: float = 0.0
    leg: int = 1


@dataclass(frozen=True, slots=True)
class CopyTradeResult:
    """What became of one user's copy.

    Attributes:
        quantity: base, as ordered; zero when nothing was.
        reason: why it was not copied; empty when it was.
        milliseconds: from the venue's answer to the master until this user's order was answered.
    """

    signal_id: SignalId
    account: AccountId
    symbol: str
    side: Side
    state: OrderState
    balance: Decimal
    quantity: Decimal
    reason: str = ""
    order_id: VenueOrderId | None = None
    client_order_id: ClientOrderId | None = None
    report: OrderReport | None = None
    milliseconds: float | None = None

    @property
    def user_id(self) -> str:
        """The user's id, without the venue."""
        return self.account.name

    @property
    def success(self) -> bool:
        """Whether the venue has the order."""
        return self.order_id is not None
