"""What Alpaca takes: no order names its fee, so it is worked out.

It is taken from the asset received: coins of a buy, money of a sell (Alpaca docs, "Crypto Fees").
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from bot.domain.enums import Side
from bot.domain.instruments import split_symbol

#: Takers' rates by ``crypto_tier`` of the account, that is by its volume of 30 days (Alpaca, "Maker/Taker Fee Model").
TAKER_RATES = {
    1: Decimal("0.0025"),
    2: Decimal("0.0022"),
    3: Decimal("0.0020"),
    4: Decimal("0.0018"),
    5: Decimal("0.0015"),
    6: Decimal("0.0013"),
    7: Decimal("0.0012"),
    8: Decimal("0.0010"),
}
#: Nobody pays more; also what is assumed until the account has told its tier.
HIGHEST_RATE = max(TAKER_RATES.values())

#: Coins are booked in these, whatever the pair (Alpaca docs, Orders: up to nine decimals).
COIN_STEP = Decimal("0.000000001")
#: Executions that one order is taken to have had at most.
_EXECUTIONS = 5


def taker_rate(tier: object) -> Decimal:
    """The rate of a ``crypto_tier``, 0.0025 is 0.25 %; the highest where it is missing or not known."""
    text = str(tier).strip()
    return TAKER_RATES.get(int(text), HIGHEST_RATE) if text.isascii() and text.isdigit() else HIGHEST_RATE


def fee_of(side: Side, executed: Decimal, cost: Decimal, rate: Decimal) -> Decimal:
    """The fee of an order, in coins for a buy and in the quote currency for a sell.

    A buy of 0.0002 BTC at 0.25 % adds 0.000199499 to the position, not 0.0001995: every execution is cut to whole
    steps, and an exact one loses a step too. How many executions there were an order does not tell. Taking a few steps
    too much keeps the coins counted from ever being more than those that are there to be sold.

    Args:
        executed: base.
        cost: quote.
    """
    if side is Side.SELL:
        return cost * rate
    if executed <= 0:
        return executed * rate
    whole = (executed * rate).quantize(COIN_STEP, ROUND_DOWN)
    return min(whole + _EXECUTIONS * COIN_STEP, executed)


def fee_in(symbol: str, side: Side) -> str:
    """The currency that a fee is taken in."""
    base, quote = split_symbol(symbol)
    return base if side is Side.BUY else quote
