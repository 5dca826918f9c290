"""What traded on an account, whoever placed the order: the bot, or a person in the venue's own app."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId
from bot.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of one order, or several of it that a venue tells as one.

    What counts is ``executed``: the same fill heard twice, out of order, by socket and by question, adds nothing to it.

    Attributes:
        client_order_id: the name that the order was placed under; None when it has none, or the venue did not tell.
        symbol: canonical.
        quantity: base, of this fill, above zero.
        price: quote per base, of this fill.
        executed: base, of the whole order up to and with this fill.
        fee: of this fill, in ``fee_currency``; zero with an empty currency where the venue does not tell.
        time: unix seconds by the venue's clock.
        complete: the order is done with this fill: no further one comes.
    """

    account: AccountId
    order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    executed: Decimal
    time: float
    fee: Decimal = ZERO
    fee_currency: str = ""
    complete: bool = False

    @property
    def executed_before(self) -> Decimal:
        """Base, of the whole order before this fill."""
        return self.executed - self.quantity

    @property
    def cost(self) -> Decimal:
        """Quote, without the fee."""
        return self.quantity * self.price
