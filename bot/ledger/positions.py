"""What an account's own orders bought and have not sold again. Pure: trades in, positions out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.ledger.rows import OwnPosition

#: What is less than this share of a buy is left over from before it: venues sell whole lots only.
_LEFT_OVER = Decimal("0.01")
_NOTHING = OwnPosition(ZERO, ZERO, 0.0)


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of an own order: quantity in base, cost in quote, time in unix seconds."""

    symbol: str
    side: Side
    quantity: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    time: float


def positions_after(trades: Iterable[Trade]) -> dict[str, OwnPosition]:
    """The positions that trades (oldest first) leave, by symbol.

    A fee that was taken in the coin itself is gone: the average price of what is left is higher by it. More sold than
    bought leaves nothing.
    """
    positions: dict[str, OwnPosition] = {}
    for trade in trades:
        before = positions.get(trade.symbol, _NOTHING)
        positions[trade.symbol] = _bought(before, trade) if trade.side is Side.BUY else _sold(before, trade)
    return {symbol: position for symbol, position in sorted(positions.items()) if position.quantity > ZERO}


def _bought(before: OwnPosition, trade: Trade) -> OwnPosition:
    quantity = before.quantity + trade.quantity - _fee_in_coin(trade)
    if quantity <= ZERO:
        return _NOTHING
    price = (before.quantity * before.average_price + trade.cost) / quantity
    is_new = before.quantity <= trade.quantity * _LEFT_OVER
    return OwnPosition(quantity, price, trade.time if is_new else before.opened_at)


def _sold(before: OwnPosition, trade: Trade) -> OwnPosition:
    left = before.quantity - trade.quantity - _fee_in_coin(trade)
    return before._replace(quantity=left) if left > ZERO else _NOTHING


def _fee_in_coin(trade: Trade) -> Decimal:
    return trade.fee if trade.fee_currency == split_symbol(trade.symbol)[0] else ZERO
