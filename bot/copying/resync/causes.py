"""Why copied coins are not what they should be, and by how much: one amount a cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from bot.domain.ids import AccountId
from bot.domain.money import ZERO

CAPPED = "capped"
BELOW_MINIMUM = "below minimum"
ON_ITS_WAY = "on its way"
BY_HAND = "sold or moved by hand"
FAILED = "failed"
OBSERVED = "observe mode"
ROUNDING = "rounding and fees"
#: The user's entry had another factor when the copy was sized, or its coins another share when they were sold.
OTHER_SIZE = "another multiplier then"
OTHER_SHARE = "another share was sold"
NOT_SET_UP = "not set up then"
OTHER_MASTER = "bought for another master"
OTHER_QUOTE = "sold in another currency"
UNEXPLAINED = "not explained by any copy"

#: No drift: what a limit wants, what is still to come, and what trading itself takes.
EXPECTED = frozenset({CAPPED, ON_ITS_WAY, ROUNDING})

#: Digits to compute with, and what amounts are kept to, so that their sums are exact.
DIGITS = 60
_STEP = Decimal("1E-24")


def exact(amount: Decimal) -> Decimal:
    """An amount with few enough digits that sums of it are not rounded."""
    return amount.quantize(_STEP)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one account stands in one symbol, as it holds it. Amounts in base.

    Attributes:
        master: whom it follows.
        should: what the master's trades come to at this account, in proportion and without limits.
        has: what copying bought and still holds.
        causes: what ``should`` is more than ``has`` by, for each cause; below zero where there is more than should be.
        price: quote per base, of the last signal.
        unknown: entries whose share nobody can tell, for a balance was not known.
    """

    account: AccountId
    symbol: str
    master: AccountId
    should: Decimal
    has: Decimal
    causes: tuple[tuple[str, Decimal], ...]
    price: Decimal
    unknown: int = 0

    @property
    def difference(self) -> Decimal:
        """What is missing; below zero what is too much."""
        with localcontext(prec=DIGITS):
            return self.should - self.has

    @property
    def share(self) -> Decimal | None:
        """The difference as a share of what should be; None where nothing should."""
        return self.difference / self.should if self.should else None

    @property
    def worth(self) -> Decimal:
        """The difference in quote, at the last signal's price."""
        return self.difference * self.price

    @property
    def drift(self) -> tuple[tuple[str, Decimal], ...]:
        """The causes that are not as it has to be."""
        return tuple((name, amount) for name, amount in self.causes if name not in EXPECTED)

    @property
    def correctable(self) -> Decimal:
        """What would have to be bought, below zero sold, to end the drift."""
        return total(amount for _, amount in self.drift)

    @property
    def on_its_way(self) -> bool:
        """Whether an order is not done with."""
        return any(name == ON_ITS_WAY for name, _ in self.causes)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """An exact sum."""
    with localcontext(prec=DIGITS):
        return sum(amounts, ZERO)
