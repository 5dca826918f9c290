"""What a strategy is given beside candles, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bot.domain.errors import InvalidAmount
from bot.domain.instruments import split_symbol
from bot.domain.money import ONE, ZERO, plain, positive
from bot.trading_strategy.candles import Candles
from bot.trading_strategy.settings import StrategySettings


class Action(StrEnum):
    """What to do with a symbol now."""

    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Position:
    """What the account has of one symbol. Dust that cannot be sold is no position: the caller leaves it out.

    Attributes:
        quantity: base, above zero.
        entry_price: quote per base, the average that was paid; None when not known.
        opened_at: unix seconds of the entry; None when not known.

    Raises:
        InvalidAmount: a quantity or price that is not above zero.
    """

    quantity: Decimal
    entry_price: Decimal | None = None
    opened_at: float | None = None

    def __post_init__(self) -> None:
        positive(self.quantity, "position quantity")
        if self.entry_price is not None:
            positive(self.entry_price, "position entry price")


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why. Made with :meth:`buy`, :meth:`sell` and :meth:`hold`.

    Attributes:
        symbol: canonical, ``BTC-USD``.
        candle_time: opening of the candle that decided, unix seconds: the same candle decides once.
        reasons: short texts with figures, never empty.
        balance_share: of a buy: share of the trading balance to spend, above 0 and at most 1; else 0.
        position_fraction: of a sell: fraction of the position to sell, above 0 and at most 1; else 0.

    Raises:
        InvalidAmount: a share or fraction outside these, or one that the action has no use for; no reason at all.
    """

    action: Action
    symbol: str
    candle_time: int
    reasons: tuple[str, ...]
    balance_share: Decimal = ZERO
    position_fraction: Decimal = ZERO

    def __post_init__(self) -> None:
        split_symbol(self.symbol)
        _check_part(self.balance_share, "balance_share", wanted=self.action is Action.BUY)
        _check_part(self.position_fraction, "position_fraction", wanted=self.action is Action.SELL)
        if not self.reasons:
            raise InvalidAmount(f"invalid decision, a {self.action} of {self.symbol} gives no reason")

    @classmethod
    def buy(cls, candles: Candles, balance_share: Decimal, *reasons: str) -> Decision:
        """Get in with this share of the balance."""
        return cls(Action.BUY, candles.symbol, candles.last_time, reasons, balance_share=balance_share)

    @classmethod
    def sell(cls, candles: Candles, *reasons: str, position_fraction: Decimal = ONE) -> Decision:
        """Get out with this fraction of the position."""
        return cls(Action.SELL, candles.symbol, candles.last_time, reasons, position_fraction=position_fraction)

    @classmethod
    def hold(cls, candles: Candles, *reasons: str) -> Decision:
        """Do nothing."""
        return cls(Action.HOLD, candles.symbol, candles.last_time, reasons)


class Strategy(Protocol):
    """The same candles, positions and settings always give the same decision."""

    def decide(self, candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> Decision:
        """What to do with the candles' symbol.

        Args:
            candles: of one symbol.
            positions: all positions of the account, by canonical symbol.
            settings: of this account.
        """


def _check_part(part: Decimal, name: str, *, wanted: bool) -> None:
    if wanted and not ZERO < part <= ONE:
        raise InvalidAmount(f"invalid {name}, must be above 0 and at most 1, was {plain(part)}")
    if not wanted and part != ZERO:
        raise InvalidAmount(f"invalid {name}, this action has none, was {plain(part)}")
