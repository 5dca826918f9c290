"""What a venue says of a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.enums import InstrumentStatus, Side
from bot.domain.errors import InvalidAmount
from bot.domain.money import floor_to_step

#: Codes that Kraken alone uses, to those that everybody else does.
COMMON_CODES = {"XBT": "BTC", "XDG": "DOGE"}


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote of a canonical symbol: ``BTC-USD`` gives ``("BTC", "USD")``.

    Raises:
        InvalidAmount: not ``BASE-QUOTE``.
    """
    base, separator, quote = symbol.partition("-")
    if not separator or not base or not quote:
        raise InvalidAmount(f"invalid symbol {symbol!r}, expected BASE-QUOTE such as BTC-USD")
    return base, quote


@dataclass(frozen=True, slots=True)
class Instrument:
    """Steps and minimums of one symbol at one venue.

    Attributes:
        symbol: canonical, ``BTC-USD``.
        lot_step: smallest change of a size, in base.
        price_step: smallest change of a price, in quote.
        minimum_size: smallest order, in base.
        minimum_cost: smallest order, in quote; zero where the venue has none.
        minimum_sale: smallest sell, in quote, where it is not that of a buy.
        quote_step: smallest change of what a market buy spends, in quote; None where buys are sized in base.
        status: what may be done with it now.
    """

    symbol: str
    base: str
    quote: str
    lot_step: Decimal
    price_step: Decimal
    minimum_size: Decimal
    minimum_cost: Decimal
    status: InstrumentStatus = InstrumentStatus.ONLINE
    minimum_sale: Decimal | None = None
    quote_step: Decimal | None = None

    def floor_size(self, size: Decimal) -> Decimal:
        """The size rounded down to the lot step: the one place where sizes are rounded."""
        return floor_to_step(size, self.lot_step)

    def floor_value(self, value: Decimal) -> Decimal:
        """What a market buy may spend (quote), rounded down to what the venue takes."""
        return value if self.quote_step is None else floor_to_step(value, self.quote_step)

    def is_below_minimum(self, size: Decimal, price: Decimal, side: Side) -> bool:
        """Whether the venue would refuse an order of this size (base) at this price (quote)."""
        return size < self.minimum_size or size * price < self.smallest_cost(side)

    def smallest_cost(self, side: Side) -> Decimal:
        """Smallest order, in quote."""
        return self.minimum_cost if side is Side.BUY or self.minimum_sale is None else self.minimum_sale
