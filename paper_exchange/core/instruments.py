"""What may be traded, in what steps and from what size."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal
from enum import StrEnum


class TradingStatus(StrEnum):
    """What a market allows at the moment."""

    ONLINE = "online"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"
    LIMIT_ONLY = "limit_only"
    REDUCE_ONLY = "reduce_only"


@dataclass(slots=True, eq=False)
class Instrument:
    """One market: prices in quote per base, sizes in base, costs and fees in quote.

    `minimum_size` is in base, `minimum_cost` in quote; these two and `status` may change while orders rest.
    `fill_decimals`: decimals of the base volume that an order sized in quote trades, where it is finer than that of
    sizes; such an order spends its quote to the last digit.
    """

    symbol: str
    base: str
    quote: str
    price_decimals: int
    size_decimals: int
    cost_decimals: int
    minimum_size: Decimal
    minimum_cost: Decimal
    status: TradingStatus = TradingStatus.ONLINE
    fill_decimals: int | None = None
    price_step: Decimal = field(init=False)
    size_step: Decimal = field(init=False)
    cost_step: Decimal = field(init=False)
    fill_step: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.price_step = Decimal(1).scaleb(-self.price_decimals)
        self.size_step = Decimal(1).scaleb(-self.size_decimals)
        self.cost_step = Decimal(1).scaleb(-self.cost_decimals)
        self.fill_step = Decimal(1).scaleb(-(self.size_decimals if self.fill_decimals is None else self.fill_decimals))

    def round_cost(self, amount: Decimal) -> Decimal:
        """A cost or fee in quote, half up to the instrument's cost decimals."""
        return amount.quantize(self.cost_step, ROUND_HALF_UP)

    def round_cost_up(self, amount: Decimal) -> Decimal:
        """A cost in quote that is certainly enough, for setting funds aside."""
        return amount.quantize(self.cost_step, ROUND_CEILING)

    def round_cost_down(self, amount: Decimal) -> Decimal:
        """A cost in quote that is certainly covered."""
        return amount.quantize(self.cost_step, ROUND_DOWN)

    def round_fee_in_base(self, amount: Decimal) -> Decimal:
        """A fee in base, up to the instrument's size decimals."""
        return amount.quantize(self.size_step, ROUND_CEILING)

    def size_for(self, amount: Decimal, price: Decimal) -> Decimal:
        """The base volume that an amount of quote trades at a price."""
        rounding = ROUND_DOWN if self.fill_decimals is None else ROUND_HALF_UP
        return (amount / price).quantize(self.fill_step, rounding)

    def round_size_down(self, size: Decimal) -> Decimal:
        """A size in base, cut to the instrument's size decimals."""
        return size.quantize(self.size_step, ROUND_DOWN)

    def round_price(self, price: Decimal) -> Decimal:
        """A price in quote, to the nearest step and never below one step."""
        return max(price.quantize(self.price_step, ROUND_HALF_UP), self.price_step)
