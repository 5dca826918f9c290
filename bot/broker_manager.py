"""All brokers of the process, masters and users alike, and who follows whom."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.domain.enums import AccountType, BrokerType
from bot.domain.ids import AccountId
from bot.settings.users import UserSettings

if TYPE_CHECKING:
    from bot.brokers.alpaca.broker import AlpacaBroker
    from bot.brokers.coinbase.broker import CoinbaseBroker
    from bot.brokers.kraken.broker import KrakenBroker

__all__ = [
    "AccountType",
    "AlpacaBroker",
    "BaseBroker",
    "BrokerManager",
    "BrokerOptions",
    "BrokerPorts",
    "BrokerType",
    "CoinbaseBroker",
    "KrakenBroker",
]

#: Accounts that connect at the same time; more would only queue for the interpreter and the public rate limit.
_CONNECTING_AT_ONCE = 32


def __getattr__(name: str) -> Any:
    # A venue's broker, when it is asked for: one SDK takes a second to load, and most processes need one venue.
    for venue in BrokerType:
        if name == f"{venue.capitalize()}Broker":
            return getattr(import_module(f"bot.brokers.{venue}.broker"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True, slots=True)
class UserBroker:
    """A user's entry and the broker of its account."""

    user: UserSettings
    broker: BaseBroker


class BrokerManager:
    """Holds every broker of the process.

    Safe to use from any thread: what is read is one moment's, and never changes under its reader.
    """

    def __init__(self) -> None:
        # Always replaced, never changed, so that who reads needs no lock.
        self._masters: Mapping[AccountId, BaseBroker] = {}
        self._users: Mapping[AccountId, UserBroker] = {}
        self._changing = threading.Lock()

    def add_master(self, broker: BaseBroker) -> None:
        """Take in a master's broker.

        Raises:
            ValueError: it is a user's, or there is one for its venue.
        """
        with self._changing:
            if broker.account_type is not AccountType.MASTER or broker.account in self._masters:
                raise ValueError(f"{broker.account} cannot be added as a master")
            self._masters = {**self._masters, broker.account: broker}

    def add_user(self, user: UserSettings, broker: BaseBroker) -> None:
        """Take in a user's broker.

        Raises:
            ValueError: it is a master's, or the account is here already.
        """
        with self._changing:
            if broker.account_type is not AccountType.USER or broker.account in self._users:
                raise ValueError(f"{broker.account} cannot be added as a user")
            self._users = {**self._users, broker.account: UserBroker(user, broker)}

    def replace_user(self, *users: UserSettings) -> None:
        """Let users be what these entries say from now on, all in one step; their brokers stay.

        Raises:
            ValueError: one of them is not here; nobody is changed.
        """
        with self._changing:
            missing = [str(user.account) for user in users if user.account not in self._users]
            if missing:
                raise ValueError(f"{', '.join(missing)} cannot be changed: not here")
            changed = {user.account: UserBroker(user, self._users[user.account].broker) for user in users}
            self._users = {**self._users, **changed}

    def replace_broker(self, user: UserSettings, broker: BaseBroker) -> BaseBroker:
        """Let another broker speak for a user's account; returns the former one, which the caller has stopped.

        Raises:
            ValueError: the account is not here.
        """
        with self._changing:
            former = self._users.get(broker.account)
            if former is None or user.account != broker.account:
                raise ValueError(f"{broker.account} cannot be changed: not here")
            self._users = {**self._users, broker.account: UserBroker(user, broker)}
            return former.broker

    @property
    def masters(self) -> list[BaseBroker]:
        """Every master."""
        return list(self._masters.values())

    @property
    def users(self) -> list[UserBroker]:
        """Every user, whomever it follows."""
        return list(self._users.values())

    @property
    def brokers(self) -> list[BaseBroker]:
        """Masters first, then users."""
        return self.masters + [entry.broker for entry in self.users]

    def master(self, venue: BrokerType | str) -> BaseBroker | None:
        """The master of a venue."""
        return self._masters.get(AccountId.master(BrokerType(venue)))

    def broker(self, account: AccountId) -> BaseBroker | None:
        """The broker of an account."""
        master = self._masters.get(account)
        if master is not None:
            return master
        entry = self._users.get(account)
        return entry.broker if entry else None

    def user(self, account: AccountId) -> UserBroker | None:
        """A user and the broker of its account."""
        return self._users.get(account)

    def is_master_connected(self, venue: BrokerType | str) -> bool:
        """Whether the venue's master answers and may be traded."""
        master = self.master(venue)
        return master is not None and master.connected

    def followers_of(self, master: AccountId) -> list[UserBroker]:
        """The users that follow a master: of its own venue, or naming it in ``follow``."""
        return [entry for entry in self._users.values() if entry.user.master == master]

    def start(self) -> None:
        """Start every lane."""
        for broker in self.brokers:
            broker.start()

    def connect(
        self,
        timeout_s: float,
        progress: Callable[[BaseBroker], None] | None = None,
        brokers: Sequence[BaseBroker] | None = None,
    ) -> None:
        """Connect brokers at the same time; a hung or refused one keeps nobody else.

        Args:
            timeout_s: for each account; one that needs longer stays unconnected and says so.
            progress: called, in this thread, as each one is through.
            brokers: which ones; all when None.
        """
        waiting = deque(self.brokers if brokers is None else brokers)
        through: SimpleQueue[tuple[BaseBroker, BaseException | None]] = SimpleQueue()
        total = len(waiting)
        for _ in range(min(_CONNECTING_AT_ONCE, total)):
            # Not a pool of executors: the interpreter would not end before the last venue has answered.
            threading.Thread(
                target=_connect_all, args=(waiting, through, timeout_s), name="connect", daemon=True
            ).start()
        try:
            for _ in range(total):
                broker, error = through.get()
                if error is not None:
                    raise error
                if progress is not None:
                    progress(broker)
        finally:
            waiting.clear()

    def stop(self, within_s: float) -> list[str]:
        """Stop every lane under one deadline.

        Returns:
            The accounts whose lane did not end.
        """
        deadline = time.monotonic() + within_s
        brokers = self.brokers
        for broker in brokers:
            broker.stop()
        return [str(broker.account) for broker in brokers if not broker.join(deadline)]


def _connect_all(
    waiting: deque[BaseBroker], through: SimpleQueue[tuple[BaseBroker, BaseException | None]], timeout_s: float
) -> None:
    while True:
        try:
            broker = waiting.popleft()
        except IndexError:
            return
        try:
            broker.connect(timeout_s)
        except BaseException as error:
            # Raised where somebody waits for it: in the caller of connect.
            through.put((broker, error))
        else:
            through.put((broker, None))
