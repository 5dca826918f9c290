"""Kraken in this process."""

from __future__ import annotations

import threading

from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.base.parts import options_of
from bot.brokers.base.setup import Venue
from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.wiring import wiring_of
from bot.domain.ports import Clock
from bot.settings.env import AccountSettings, Environment


class KrakenVenue:
    """Makes brokers (:class:`bot.brokers.base.setup.Venue`) that share one market.

    Args:
        environment: addresses, time-outs, the verification level of the keys.
        clock: where time comes from.
    """

    def __init__(self, environment: Environment, clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        self._market = KrakenMarket(self._client("", "", None), clock)

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started."""
        environment = self._environment
        nonces = NonceStore(str(account.account), environment.nija_data_dir / "nonces", self._clock)
        credentials = account.credentials
        client = self._client(
            credentials.api_key.get_secret_value(),
            credentials.api_secret.get_secret_value(),
            nonces,
            account=str(account.account),
        )
        return KrakenBroker(
            account.account, client, self._market, ports, options_of(environment), environment.order_deadline_s
        )

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep prices and instruments fresh until ``stop`` is set."""
        self._market.keep_fresh(stop)

    def _client(self, key: str, secret: str, nonces: NonceStore | None, account: str = "") -> KrakenClient:
        environment = self._environment
        return KrakenClient(
            key,
            secret,
            nonces,
            account=account,
            url=environment.kraken_api_url,
            tier=environment.kraken_tier,
            **wiring_of(environment, self._clock),
        )


def open_venue(environment: Environment, clock: Clock) -> Venue:
    """The venue of this package."""
    return KrakenVenue(environment, clock)
