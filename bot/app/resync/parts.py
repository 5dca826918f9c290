"""What looking and correcting have in common."""

from __future__ import annotations

from bot.broker_manager import BrokerManager, UserBroker
from bot.copying.resync import AccountReplay
from bot.domain.ids import AccountId
from bot.domain.orders import AccountBalances


def beginning(entry: UserBroker) -> AccountReplay:
    """An account of which nothing is replayed yet; of a user that follows a master."""
    master = entry.user.master
    assert master is not None  # only followers are compared
    return AccountReplay.of(entry.user, master)


def settled_balances(manager: BrokerManager, account: AccountId) -> AccountBalances | None:
    """Balances as the venue gave them; None while anything about them is in doubt."""
    broker = manager.broker(account)
    return broker.settled_balances if broker else None
