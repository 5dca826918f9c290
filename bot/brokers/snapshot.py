"""Balances after a fill, computed, for as long as the venue's own answer trails behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.instruments import split_symbol
from bot.domain.money import DOLLARS, ZERO
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport

#: Venues round what they book, and show fewer decimals than they book, one of them cents: differences below these are
#: rounding.
_DOLLAR_TOLERANCE = Decimal("0.011")
_COIN_TOLERANCE = Decimal("0.00000002")


def after_fill(balances: AccountBalances, order: MarketOrder, report: OrderReport) -> AccountBalances:
    """The balances with a fill's coins, cost and fee moved.

    Below zero where a sale is known before the buy of its coins; :func:`shown` is for whoever reads them.
    """
    return _moved(balances, order, report, 1)


def before_fill(balances: AccountBalances, order: MarketOrder, report: OrderReport) -> AccountBalances:
    """The opposite of :func:`after_fill`."""
    return _moved(balances, order, report, -1)


def _moved(balances: AccountBalances, order: MarketOrder, report: OrderReport, times: int) -> AccountBalances:
    base, quote = split_symbol(order.symbol)
    direction = times if order.side is Side.BUY else -times
    available = dict(balances.available)
    for code, change in (
        (base, direction * report.executed),
        (quote, -direction * report.cost),
        (report.fee_currency or quote, -times * report.fee),
    ):
        available[code] = available.get(code, ZERO) + change
    return replace(balances, available=available)


def shown(balances: AccountBalances) -> AccountBalances:
    """The balances, none below zero."""
    if all(amount >= 0 for amount in balances.available.values()):
        return balances
    return replace(balances, available={code: max(amount, ZERO) for code, amount in balances.available.items()})


def agrees_with(seen: AccountBalances, expected: AccountBalances) -> bool:
    """Whether two snapshots are the same but for rounding."""
    codes = {*seen.available, *expected.available}
    return all(_close(seen.available, expected.available, code) for code in codes)


def _close(seen: Mapping[str, Decimal], expected: Mapping[str, Decimal], code: str) -> bool:
    one, other = seen.get(code, ZERO), expected.get(code, ZERO)
    return abs(one - other) <= (_DOLLAR_TOLERANCE if code in DOLLARS else _COIN_TOLERANCE)
