"""Which users have something that copying still has to sell or to find out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.enums import AccountType
from bot.domain.ids import AccountId
from bot.domain.money import ZERO, plain
from bot.ledger.coins import CopiedCoins
from bot.ledger.views import Views
from bot.settings.env import AccountSettings, Settings
from bot.settings.users import Problem


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the ledger knows of users.

    Attributes:
        coins: that copying bought and that are still there.
        orders: how many orders are open.
    """

    coins: Mapping[AccountId, tuple[CopiedCoins, ...]]
    orders: Counter[AccountId]

    @classmethod
    def read(cls, views: Views) -> Holdings:
        """As it is now.

        Raises:
            LedgerUnavailable: it cannot be read.
        """
        # Orders first: a fill that becomes known in between is then seen as coins, or twice.
        orders = Counter(row.account for row in views.open_copies())
        orders.update(row.account for row in views.open_master_orders())
        coins: dict[AccountId, tuple[CopiedCoins, ...]] = {}
        for row in views.copied_coins():
            if row.quantity > ZERO:
                coins[row.account] = (*coins.get(row.account, ()), row)
        return cls(coins, orders)

    @property
    def users(self) -> list[AccountId]:
        """Users that have anything, by name."""
        everybody = self.coins.keys() | self.orders.keys()
        return sorted(account for account in everybody if account.account_type is AccountType.USER)

    def symbols_of(self, account: AccountId) -> str:
        """What it holds or trades, without amounts: ``BTC-USD``; empty when it has nothing."""
        names = sorted(row.symbol for row in self.coins.get(account, ()))
        return ", ".join(names + ["an open order"] * bool(self.orders[account]))

    def amounts_of(self, account: AccountId) -> str:
        """What it holds, with amounts: ``0.01 BTC-USD, 1 open order``."""
        parts = [f"{plain(row.quantity)} {row.symbol}" for row in self.coins.get(account, ())]
        count = self.orders[account]
        return ", ".join(parts + ([f"{count} open order{'s' * (count > 1)}"] if count else []))


def left_behind(settings: Settings, views: Views) -> tuple[list[AccountSettings], list[Problem]]:
    """Users that get no entries and yet have coins which copying bought, or open orders.

    Returns:
        The disabled ones with a key, to be connected for their exits only; and a line about each of those whose entry
        or key is gone, so that nobody sells for them.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    holdings = Holdings.read(views)
    resting = {account.account: account for account in settings.resting}
    entries = {user.account for user in settings.entries}
    connected = {account.account for account in settings.users}
    found: list[AccountSettings] = []
    problems: list[Problem] = []
    for account in holdings.users:
        if account in resting:
            found.append(resting[account])
        elif account not in connected:
            held = holdings.amounts_of(account)
            missing = "a usable key" if account in entries else "a right entry in the users files"
            mend = (
                "set its key and start the bot again"
                if account in entries
                else 'put its entry back (with "enabled": false for exits only) and start the bot again'
            )
            text = f"copying left {held} there, and nobody sells it: the account has not got {missing}"
            problems.append(Problem(str(account), f"{text}; {mend}, or sell by hand"))
    return found, problems
