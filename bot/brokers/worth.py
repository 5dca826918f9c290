"""What an account is worth in US dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from bot.domain.money import DOLLARS, ZERO


def equity_of(amounts: Iterable[Mapping[str, Decimal]], usd_price: Callable[[str], Decimal | None]) -> Decimal | None:
    """The worth of all amounts by code; None where the price of one is not known. Dollars of all kinds count as one.

    Args:
        usd_price: US dollars for one unit of a code. It is asked of every coin, also after one that is missing: a
            market keeps fresh what it is asked for.
    """
    return total_of(
        [
            amount if code in DOLLARS else _times(amount, usd_price(code))
            for row in amounts
            for code, amount in row.items()
            if amount
        ]
    )


def total_of(worths: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None where one of them is not known."""
    total = ZERO
    for worth in worths:
        if worth is None:
            return None
        total += worth
    return total


def _times(amount: Decimal, price: Decimal | None) -> Decimal | None:
    return None if price is None else amount * price
