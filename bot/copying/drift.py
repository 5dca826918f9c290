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
from bot.ledger.journal import Ledger

_log = logging.getLogger("nija.drift")

#: Seconds over which balances of different moments have to show the same before it is believed: some trail for long.
_CERTAIN_AFTER_S = 10.0
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

    def __init__(self, ledger: Ledger, coins: CopiedCoins, brokers: Callable[[], Iterable[HoldingBroker]]) -> None:
        self._ledger = ledger
        self._coins = coins
        self._brokers = brokers
        self._since: dict[tuple[AccountId, str], float] = {}

    def look(self) -> None:
        """Compare every account once."""
        holdings = self._coins.holdings()
        for broker in self._brokers():
            balances = broker.settled_balances
            mine = {symbol: quantity for (account, symbol), quantity in holdings.items() if account == broker.account}
            if balances is not None and mine:
                self._compare(broker.account, mine, balances)

    def _compare(self, account: AccountId, copied: dict[str, Decimal], balances: AccountBalances) -> None:
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
            elif balances.at - self._since.setdefault((account, symbol), balances.at) >= _CERTAIN_AFTER_S:
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
