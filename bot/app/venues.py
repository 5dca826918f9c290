"""Makes the brokers of every configured account, venue by venue."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from bot.broker_manager import BrokerManager, BrokerPorts
from bot.brokers.base.setup import Venue
from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError
from bot.domain.ids import AccountId
from bot.runtime.service import Service
from bot.settings.env import Settings

#: Told of an account that cannot have a broker, and why.
AccountFailed = Callable[[AccountId, str], None]


def make_brokers(
    settings: Settings, manager: BrokerManager, ports: BrokerPorts, failed: AccountFailed
) -> list[MarketKeeper]:
    """Fill the manager; an account that cannot be used is told to ``failed`` and left out.

    Returns:
        The services that keep market data fresh, not started; each has its venue.
    """
    venues: dict[BrokerType, Venue] = {}
    for account in settings.accounts:
        venue = account.account.venue
        try:
            if venue not in venues:
                venues[venue] = _open(venue, settings, ports)
            broker = venues[venue].broker(account, ports)
        except NijaError as error:
            failed(account.account, str(error))
            continue
        if account.user is None:
            manager.add_master(broker)
        else:
            manager.add_user(account.user, broker)
    return [MarketKeeper(name, venue) for name, venue in venues.items()]


def _open(name: BrokerType, settings: Settings, ports: BrokerPorts) -> Venue:
    # By its name, when it is needed: one SDK takes a second to load, and commands that trade nowhere need none.
    venue: Venue = import_module(f"bot.brokers.{name}.setup").open_venue(settings.environment, ports.clock)
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
