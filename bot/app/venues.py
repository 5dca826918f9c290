"""Makes the brokers of every configured account, venue by venue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib import import_module

from bot.broker_manager import BaseBroker, BrokerManager, BrokerPorts
from bot.brokers.base.setup import Venue
from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError
from bot.domain.ids import AccountId
from bot.runtime.service import Service
from bot.settings.env import AccountSettings, Environment, Settings

#: Told of an account that cannot have a broker, and why.
AccountFailed = Callable[[AccountId, str], None]


class Venues:
    """The venues of this process, each opened when its first account is made. Safe to use from any thread.

    Args:
        environment: addresses and times.
        ports: what every broker is handed.
    """

    def __init__(self, environment: Environment, ports: BrokerPorts) -> None:
        self._environment = environment
        self._ports = ports
        self._venues: dict[BrokerType, Venue] = {}
        self._kept: set[BrokerType] = set()
        self._opening = threading.Lock()

    def broker(self, account: AccountSettings) -> BaseBroker:
        """The broker of an account, not started.

        Raises:
            NijaError: its key cannot be one, or its venue cannot be opened.
        """
        venue = account.account.venue
        with self._opening:
            if venue not in self._venues:
                self._venues[venue] = _open(venue, self._environment, self._ports)
            opened = self._venues[venue]
        return opened.broker(account, self._ports)

    def new_keepers(self) -> list[MarketKeeper]:
        """What keeps market data fresh, not started, of the venues that were opened since this was asked last."""
        with self._opening:
            new = [venue for venue in self._venues if venue not in self._kept]
            self._kept.update(new)
        return [MarketKeeper(venue, self._venues[venue]) for venue in new]


def make_brokers(
    settings: Settings,
    manager: BrokerManager,
    ports: BrokerPorts,
    failed: AccountFailed,
    venues: Venues | None = None,
    exits_only: Sequence[AccountSettings] = (),
) -> list[MarketKeeper]:
    """Fill the manager; an account that cannot be used is told to ``failed`` and left out.

    Args:
        venues: where further accounts will be made later; own ones when None.
        exits_only: accounts of disabled users that have something to sell.

    Returns:
        The services that keep market data fresh, not started; each has its venue.
    """
    opened = venues or Venues(settings.environment, ports)
    for account in (*settings.accounts, *exits_only):
        try:
            broker = opened.broker(account)
        except NijaError as error:
            failed(account.account, str(error))
            continue
        if account.user is None:
            manager.add_master(broker)
        else:
            manager.add_user(account.user, broker)
    return opened.new_keepers()


def _open(name: BrokerType, environment: Environment, ports: BrokerPorts) -> Venue:
    # By its name, when it is needed: one SDK takes a second to load, and commands that trade nowhere need none.
    venue: Venue = import_module(f"bot.brokers.{name}.setup").open_venue(environment, ports.clock)
    return venue


class MarketKeeper(Service):
    """Keeps a venue's prices and instruments fresh.

    Attributes:
        broker_type: which venue it is.
        venue: the venue itself.
    """

    def __init__(self, broker_type: BrokerType, venue: Venue) -> None:
        super().__init__(f"market {broker_type}")
        self.broker_type = broker_type
        self.venue = venue

    def _run(self) -> None:
        self.venue.keep_fresh(self._stop)
