"""Decimal at the door, rounding down, and plain notation for the wire."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from bot.domain.errors import InvalidAmount

ZERO = Decimal(0)
ONE = Decimal(1)

#: Amounts of more digits than this before or after the point are nobody's money.
_LARGEST_EXPONENT = 100

_SHOWN_DECIMALS = 8

#: Currencies counted as US dollars when balances are compared; as money to pay with they stay different.
DOLLARS = ("USD", "USDT", "USDC")

#: Accounts below this, US dollars, do not trade.
MINIMUM_FUNDED_BALANCE = Decimal("0.50")


def to_decimal(value: Any, name: str = "amount") -> Decimal:
    """A finite Decimal from a str, int, Decimal or float (through its shortest text).

    Raises:
        InvalidAmount: NaN, infinite, absurdly large or small, a bool, or no number at all; the text names the field
            and its value.
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidAmount(f"invalid {name}, was {value!r}")
    else:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation as error:
            raise InvalidAmount(f"invalid {name}, was {value!r}") from error
        except ValueError as error:
            # Python writes no integer of more than a few thousand digits.
            raise InvalidAmount(f"invalid {name}, has too many digits") from error
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise InvalidAmount(f"invalid {name}, was {value!r}")
    return number


def positive(value: Any, name: str = "amount") -> Decimal:
    """As :func:`to_decimal`, above zero.

    Raises:
        InvalidAmount: not a finite number above zero.
    """
    number = to_decimal(value, name)
    if number <= 0:
        raise InvalidAmount(f"invalid {name}, must be above zero, was {value}")
    return number


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` that is not above ``value``, which is above or at zero."""
    # A quotient would be rounded to the context's digits first, and up; whole divisions are exact.
    return value // step * step


def plain(value: Decimal) -> str:
    """Decimal notation without an exponent: venues refuse ``1E-5``."""
    return format(value, "f")


def shown(value: Decimal) -> str:
    """For people: no more than eight decimals, however many a venue computes with."""
    exponent = value.as_tuple().exponent
    return plain(round(value, _SHOWN_DECIMALS) if isinstance(exponent, int) and exponent < -_SHOWN_DECIMALS else value)


def usd(value: Decimal) -> str:
    """Dollars and cents for people: ``$1,234.50``."""
    return f"${value:,.2f}"
