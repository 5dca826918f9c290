"""Makes the brokers of every configured account, venue by venue."""

from __future__ import annotations

from collections.abc import Callable

from bot.broker_manager import BaseBroker, BrokerManager, BrokerOptions, BrokerPorts
from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.nonce import NonceStore
from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError, SettingsError
from bot.domain.ids import AccountId
from bot.runtime.service import Service
from bot.settings.env import AccountSettings, Environment, Settings

#: Told of an account that cannot have a broker, and why.
AccountFailed = Callable[[AccountId, str], None]

_Make = Callable[[AccountSettings], BaseBroker]


def make_brokers(
    settings: Settings, manager: BrokerManager, ports: BrokerPorts, failed: AccountFailed
) -> list[Service]:
    """Fill the manager; an account that cannot be used is told to ``failed`` and left out.

    Returns:
        The services that keep market data fresh, not started.
    """
    services: list[Service] = []
    makers: dict[BrokerType, _Make] = {}
    for account in settings.accounts:
        venue = account.account.venue
        try:
            if venue not in makers:
                makers[venue], service = _maker(venue, settings.environment, ports)
                services.append(service)
            broker = makers[venue](account)
        except NijaError as error:
            failed(account.account, str(error))
            continue
        if account.user is None:
            manager.add_master(broker)
        else:
            manager.add_user(account.user, broker)
    return services


def _maker(venue: BrokerType, environment: Environment, ports: BrokerPorts) -> tuple[_Make, Service]:
    if venue is BrokerType.KRAKEN:
        return _kraken(environment, ports)
    raise SettingsError(f"{venue} accounts cannot be traded yet; kraken accounts can")


def _kraken(environment: Environment, ports: BrokerPorts) -> tuple[_Make, Service]:
    public = KrakenClient(
        "",
        "",
        None,
        url=environment.kraken_api_url,
        session=environment.http_session,
        connect_timeout_s=environment.connect_timeout_s,
        read_timeout_s=environment.read_timeout_s,
        clock=ports.clock,
    )
    market = KrakenMarket(public, ports.clock)

    def make(account: AccountSettings) -> BaseBroker:
        nonces = NonceStore(str(account.account), environment.nija_data_dir / "nonces", ports.clock)
        client = KrakenClient(
            account.credentials.api_key.get_secret_value(),
            account.credentials.api_secret.get_secret_value(),
            nonces,
            account=str(account.account),
            url=environment.kraken_api_url,
            session=environment.http_session,
            connect_timeout_s=environment.connect_timeout_s,
            read_timeout_s=environment.read_timeout_s,
            tier=environment.kraken_tier,
            clock=ports.clock,
        )
        options = BrokerOptions(
            balance_refresh_s=environment.balance_refresh_s,
            settle_s=environment.order_settle_s,
            max_signal_age_s=environment.max_signal_age_s,
        )
        return KrakenBroker(account.account, client, market, ports, options, environment.order_deadline_s)

    return make, MarketKeeper(market)


class MarketKeeper(Service):
    """Keeps a market's prices and instruments fresh."""

    def __init__(self, market: KrakenMarket) -> None:
        super().__init__("market kraken")
        self._market = market

    def _run(self) -> None:
        self._market.keep_fresh(self._stop)
