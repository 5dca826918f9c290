"""Coinbase in this process."""

from __future__ import annotations

import threading

from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.base.parts import options_of
from bot.brokers.base.setup import Venue
from bot.brokers.coinbase.broker import CoinbaseBroker
from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.wiring import wiring_of
from bot.domain.ports import Clock
from bot.settings.env import AccountSettings, Environment


class CoinbaseVenue:
    """Makes brokers (:class:`bot.brokers.base.setup.Venue`) that share one market.

    Args:
        environment: address, time-outs, the life of tokens.
        clock: where time comes from.

    Attributes:
        market: shared by all brokers.
    """

    def __init__(self, environment: Environment, clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        self.market = CoinbaseMarket(self._client("", ""), clock)

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started. Raises SettingsError where its secret holds no key."""
        credentials = account.credentials
        client = self._client(
            credentials.api_key.get_secret_value(), credentials.api_secret.get_secret_value(), str(account.account)
        )
        return CoinbaseBroker(account.account, client, self.market, ports, options_of(self._environment))

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep prices and instruments fresh until ``stop`` is set."""
        self.market.keep_fresh(stop)

    def _client(self, key: str, secret: str, account: str = "") -> CoinbaseClient:
        environment = self._environment
        return CoinbaseClient(
            key,
            secret,
            account=account,
            url=environment.coinbase_api_url,
            order_deadline_s=environment.order_deadline_s,
            **wiring_of(environment, self._clock),
        )


def open_venue(environment: Environment, clock: Clock) -> Venue:
    """The venue of this package."""
    return CoinbaseVenue(environment, clock)
