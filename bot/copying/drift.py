"""Coins that copying bought and that are gone: the user sold them by hand, or moved them away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Protocol

from bot.copying.coins import CopiedCoins
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO, plain
from bot.domain.orders import AccountBalances
from bot.domain.ports import Clock
from bot.ledger.journal import Ledger

_log = logging.getLogger("nija.drift")

#: Nanoseconds over which balances of different moments have to show the same before that is believed: some trail.
_CERTAIN_AFTER_NS = 10 * 10**9
#: Venues book in the last digits other than what an order says it executed.
_ROUNDING = Decimal("0.0000001")


class HoldingBroker(Protocol):
    """What is read of an account."""

    @property
    def account(self) -> AccountId: ...

    @property
    def settled_balances(self) -> AccountBalances | None: ...


class Drift:
    """Compares what copying bought with what is there, and writes off what is not.

    A failed question is never read as "nothing there": only balances that the venue gave, and that agree with every
    order that is known, count.
    """

    def __init__(
        self, ledger: Ledger, coins: CopiedCoins, clock: Clock, brokers: Callable[[], Iterable[HoldingBroker]]
    ) -> None:
        self._ledger = ledger
        self._coins = coins
        self._brokers = brokers
        self._clock = clock
        # By account: when its balances of this moment were first seen. By coin: when they first fell short. Both on
        # the monotonic clock, in nanoseconds: somebody may set the other one.
        self._seen: dict[AccountId, tuple[float, int]] = {}
        self._since: dict[tuple[AccountId, str], int] = {}

    def look(self) -> None:
        """Compare every account once."""
        holdings = self._coins.holdings()
        for broker in self._brokers():
            balances = broker.settled_balances
            mine = {symbol: quantity for (account, symbol), quantity in holdings.items() if account == broker.account}
            if balances is not None and mine:
                self._compare(broker.account, mine, balances)

    def _compare(self, account: AccountId, copied: dict[str, Decimal], balances: AccountBalances) -> None:
        if account not in self._seen or self._seen[account][0] != balances.at:
            self._seen[account] = (balances.at, self._clock.monotonic_ns())
        seen_ns = self._seen[account][1]
        there = dict(balances.holdings)
        for code, earning in balances.earning.items():
            there[code] = there.get(code, ZERO) + earning
        for symbol, quantity in sorted(copied.items()):
            base = split_symbol(symbol)[0]
            missing = quantity - there.get(base, ZERO)
            # One coin may have been bought in several symbols.
            there[base] = max(there.get(base, ZERO) - quantity, ZERO)
            if missing <= max(_ROUNDING, quantity * _ROUNDING):
                self._since.pop((account, symbol), None)
            elif seen_ns - self._since.setdefault((account, symbol), seen_ns) >= _CERTAIN_AFTER_NS:
                self._write_off(account, symbol, missing)

    def _write_off(self, account: AccountId, symbol: str, missing: Decimal) -> None:
        reason = "no longer in the account: sold or moved by hand"
        try:
            gone = self._ledger.write_off(account, symbol, missing, reason)
        except LedgerUnavailable as error:
            _log.error("%s: what is missing in %s is not written off yet: %s", account, symbol, error)
            return
        self._coins.write_off(account, symbol, gone)
        self._since.pop((account, symbol), None)
        _log.warning("⚖️ %s: %s of %s that copying bought are %s", account, plain(gone), symbol, reason)
