"""What the ledger is told without being waited for: values that the writer applies in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.enums import OrderState
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.orders import MarketOrder, OrderReport
from bot.domain.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Answered:
    """The venue's answer to an order."""

    order: MarketOrder
    outcome: Outcome
    state: OrderState
    milliseconds: float | None
    at: float


@dataclass(frozen=True, slots=True)
class Settled:
    """The venue's word on the fill of an order."""

    order: MarketOrder
    report: OrderReport
    state: OrderState
    at: float


@dataclass(frozen=True, slots=True)
class Resized:
    """An order that leaves with another quantity than planned."""

    order: MarketOrder
    at: float


@dataclass(frozen=True, slots=True)
class Noted:
    """Something about an order that changes none of its fields."""

    client_order_id: ClientOrderId
    account: AccountId
    detail: str
    at: float


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """How an account looked; only the latest is kept."""

    account: AccountId
    connected: bool
    status: str
    balance: Decimal | None
    equity: Decimal | None
    at: float


OrderEntry = Answered | Settled | Resized
Entry = OrderEntry | Noted | AccountSeen


def note_of_refusal(entry: Entry, cause: str) -> Noted | None:
    """What is left of an entry that the database refused: a line in the order's history."""
    if not isinstance(entry, OrderEntry):
        return None
    detail = f"not written: {type(entry).__name__} ({cause}): {entry}"
    return Noted(entry.order.client_order_id, entry.order.account, detail, entry.at)
