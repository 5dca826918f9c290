"""Where a user's result differs from its share of the master's, cent by cent.

The ideal user earns ``user's money / master's money`` times what the master earns. The difference is cut into books,
one a cause, each with money and coins of its own: what a cause made the user buy less than the ideal one is coins that
the cause's book is short of, and money that it has. After that each book does what the master does, with the same share
of its money and of its coins; so what a cause does to later trades stays with the cause.

All books together are the user's account minus its share of the master's account, at every moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.instruments import split_symbol
from bot.domain.money import ONE, ZERO
from bot.domain.orders import OrderReport
from bot.domain.signals import TradeSignal

FEES, ROUNDING, CAPS, MULTIPLIER = "fees", "rounding", "caps", "multiplier"
#: Causes of skips are named after the skip's reason: ``skipped: below minimum``.
SKIPPED = "skipped: "


@dataclass(slots=True)
class _Book:
    """One cause's money, and its coins by currency."""

    money: Decimal = ZERO
    coins: dict[str, Decimal] = field(default_factory=dict)

    def buy(self, base: str, quantity: Decimal, price: Decimal) -> None:
        self.coins[base] = self.coins.get(base, ZERO) + quantity
        self.money -= quantity * price


@dataclass(frozen=True, slots=True)
class Wanted:
    """What decided one user's size in one signal, base.

    Attributes:
        multiplier: the user's own factor.
        unrounded: the size after caps, before steps and minimums; None where the plan did not come to that.
        sent: what was ordered: the coins, or those that the money to be spent would buy without a fee; zero for
            nothing.
        reason: the code of the refusal; empty where something was sent.
    """

    multiplier: Decimal
    unrounded: Decimal | None
    sent: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """Money and coins (base) of an account before a trade."""

    money: Decimal
    coins: Decimal


class Attribution:
    """The books of one user.

    Args:
        share: the user's money at the start divided by the master's.
    """

    def __init__(self, share: Decimal) -> None:
        self._share = share
        self._books: dict[str, _Book] = {}

    def note(
        self,
        signal: TradeSignal,
        wanted: Wanted,
        master: tuple[Before, OrderReport],
        user: tuple[Before, OrderReport | None],
    ) -> None:
        """The master traded; the user did too, or did not: then it has no report."""
        if signal.is_entry:
            self._bought(signal, wanted, master[0], user[0])
        else:
            self._sold(signal, wanted, master[0], user[0])
        self._add_fees(signal, signal.base_size, wanted.sent, master[1], user[1])

    def _bought(self, signal: TradeSignal, wanted: Wanted, master: Before, user: Before) -> None:
        base, price, size = split_symbol(signal.symbol)[0], signal.price, signal.base_size
        proportional = size * user.money / master.money
        for book in self._books.values():
            book.buy(base, size * book.money / master.money, price)
        own = proportional * wanted.multiplier
        unrounded = own if wanted.unrounded is None else wanted.unrounded
        self._add(MULTIPLIER, base, own - proportional, price)
        self._add(CAPS, base, unrounded - own, price)
        self._add(_cause(wanted), base, wanted.sent - unrounded, price)

    def _sold(self, signal: TradeSignal, wanted: Wanted, master: Before, user: Before) -> None:
        base, price = split_symbol(signal.symbol)[0], signal.price
        part = signal.base_size / master.coins
        for book in self._books.values():
            book.buy(base, -part * book.coins.get(base, ZERO), price)
        self._add(_cause(wanted), base, part * user.coins - wanted.sent, price)

    def parts(self, prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """What each cause brought or cost, at these prices (by coin), in the quote currency."""
        return {
            cause: book.money + sum((amount * prices[base] for base, amount in book.coins.items()), ZERO)
            for cause, book in self._books.items()
        }

    def _add(self, cause: str, base: str, quantity: Decimal, price: Decimal) -> None:
        if quantity:
            self._books.setdefault(cause, _Book()).buy(base, quantity, price)

    def _add_fees(
        self, signal: TradeSignal, size: Decimal, sent: Decimal, master: OrderReport, user: OrderReport | None
    ) -> None:
        master_coins, master_money = _taken(signal, size, master)
        user_coins, user_money = _taken(signal, sent, user) if user else (ZERO, ZERO)
        book = self._books.setdefault(FEES, _Book())
        base = split_symbol(signal.symbol)[0]
        book.coins[base] = book.coins.get(base, ZERO) - user_coins + self._share * master_coins
        book.money += self._share * master_money - user_money


def _cause(wanted: Wanted) -> str:
    return f"{SKIPPED}{wanted.reason}" if wanted.reason else ROUNDING


def _taken(signal: TradeSignal, size: Decimal, report: OrderReport) -> tuple[Decimal, Decimal]:
    # Against the same size without any fee: coins that did not come, and money that went beyond size times price.
    base = split_symbol(signal.symbol)[0]
    fee_coins, fee_money = (report.fee, ZERO) if report.fee_currency == base else (ZERO, report.fee)
    sign = ONE if signal.side is Side.BUY else -ONE
    return sign * (size - report.executed) + fee_coins, sign * (report.cost - size * signal.price) + fee_money
