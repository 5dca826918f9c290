"""How much an account trades that decides for itself: asked by the broker of a live account, and of a simulated one."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.enums import Side, SizeType
from bot.domain.instruments import Instrument
from bot.domain.money import ZERO, plain, usd
from bot.domain.orders import AccountBalances, Refused, Sized

#: A sell this close above the coins held means "all of it": the price moved since the sum was named.
_SELL_ALL_TOLERANCE = Decimal("1.02")
#: Decimals of amounts in messages.
_SHOWN = Decimal("0.00000001")


def size_own_order(
    side: Side, amount: Decimal, unit: SizeType, price: Decimal, instrument: Instrument, balances: AccountBalances
) -> Sized | Refused:
    """The size of an order, down to the instrument's step; or why the venue would not take it.

    Args:
        amount: above zero, in the unit.
        price: what a market order pays or gets now, quote per base.
        balances: of the account.
    """
    size = instrument.floor_size(amount if unit is SizeType.BASE else amount / price)
    in_quote = unit is SizeType.QUOTE and instrument.quote_step is not None
    value = instrument.floor_value(amount) if in_quote else size * price
    held = balances.available.get(instrument.base, ZERO)
    if side is Side.SELL and held < size <= held * _SELL_ALL_TOLERANCE:
        size = instrument.floor_size(held)
    worth = value if side is Side.BUY and instrument.quote_step is not None else size * price
    if size < instrument.minimum_size or size <= 0 or worth < instrument.smallest_cost(side):
        return Refused(
            "below minimum",
            f"{plain(size)} {instrument.base} ({usd(worth)}) is below the minimum of {instrument.symbol}: "
            f"{plain(instrument.minimum_size)} {instrument.base} and {plain(instrument.smallest_cost(side))} "
            f"{instrument.quote}",
        )
    return _unpayable(side, size, value, instrument, balances) or Sized(size, value)


def _unpayable(
    side: Side, size: Decimal, value: Decimal, instrument: Instrument, balances: AccountBalances
) -> Refused | None:
    code = instrument.base if side is Side.SELL else instrument.quote
    # What is sized in quote has the fee inside.
    on_top = balances.fee_rate if instrument.quote_step is None else ZERO
    needed = size if side is Side.SELL else value * (1 + on_top)
    available = balances.available.get(code, ZERO)
    if needed <= available:
        return None
    need, has = plain(needed.quantize(_SHOWN)), plain(available)
    return Refused("insufficient funds", f"{need} {code} are needed, {has} are available")
