"""Alpaca in this process."""

from __future__ import annotations

import threading

from bot.brokers.alpaca.broker import AlpacaBroker
from bot.brokers.alpaca.client import AlpacaClient, AlpacaPrices
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.base.parts import options_of
from bot.brokers.base.setup import Venue
from bot.brokers.wiring import wiring_of
from bot.domain.ports import Clock
from bot.settings.env import AccountSettings, Environment


class AlpacaVenue:
    """Makes brokers (:class:`bot.brokers.base.setup.Venue`) that share one market.

    Args:
        environment: address, time-outs, the smallest buy.
        clock: where time comes from.

    Attributes:
        market: what the brokers share.
    """

    def __init__(self, environment: Environment, clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        prices = AlpacaPrices(url=environment.alpaca_api_url, **wiring_of(environment, clock))
        self.market = AlpacaMarket(prices, environment.alpaca_minimum_order_usd, clock)

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started."""
        environment, credentials = self._environment, account.credentials
        client = AlpacaClient(
            credentials.api_key.get_secret_value(),
            credentials.api_secret.get_secret_value(),
            paper=credentials.paper,
            account=str(account.account),
            url=environment.alpaca_api_url,
            **wiring_of(environment, self._clock),
        )
        # A request that timed out here may still be on its way there.
        lands_within_s = max(environment.read_timeout_s, environment.order_deadline_s)
        return AlpacaBroker(account.account, client, self.market, ports, options_of(environment), lands_within_s)

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep prices fresh until ``stop`` is set; pairs are kept so by the accounts."""
        self.market.keep_fresh(stop)


def open_venue(environment: Environment, clock: Clock) -> Venue:
    """The venue of this package."""
    return AlpacaVenue(environment, clock)
