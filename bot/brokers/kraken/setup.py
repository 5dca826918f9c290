"""Kraken in this process."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.base.parts import options_of
from bot.brokers.base.setup import Venue
from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.limiter import Pacer
from bot.brokers.wiring import own_api_url_of, socket_url_of, wiring_of
from bot.domain.enums import BrokerType
from bot.domain.ports import Clock
from bot.settings.env import AccountSettings, Environment

if TYPE_CHECKING:
    from bot.brokers.kraken.candles import KrakenCandles

#: The private socket (Kraken WebSocket v2 docs).
PRIVATE_SOCKET_URL = "wss://ws-auth.kraken.com/v2"


class KrakenVenue:
    """Makes brokers (:class:`bot.brokers.base.setup.Venue`) that share one market.

    Args:
        environment: addresses, time-outs, the verification level of the keys.
        clock: where time comes from.
    """

    def __init__(self, environment: Environment, clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        self._pacer = Pacer(KrakenMarket.question_interval_s, clock)
        self._market = KrakenMarket(self._client("", "", None), clock, self._pacer)

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started."""
        environment = self._environment
        nonces = NonceStore(str(account.account), environment.nija_data_dir / "nonces", self._clock)
        credentials = account.credentials
        try:
            client = self._client(
                credentials.api_key.get_secret_value(),
                credentials.api_secret.get_secret_value(),
                nonces,
                account=str(account.account),
            )
        except BaseException:
            nonces.close()
            raise
        return KrakenBroker(
            account.account,
            client,
            self._market,
            ports,
            options_of(environment),
            environment.order_deadline_s,
            socket_url_of(
                environment.kraken_ws_url,
                environment.kraken_api_url,
                own_api_url_of(BrokerType.KRAKEN),
                PRIVATE_SOCKET_URL,
            ),
        )

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep prices and instruments fresh until ``stop`` is set."""
        self._market.keep_fresh(stop)

    def candles(self, symbol: str, interval_s: int, now: float | None = None) -> Any:
        """Up to 720 candles, oldest first, the last one still forming. Raises VenueError, InvalidAmount."""
        return self._candles.candles(symbol, interval_s)

    @cached_property
    def _candles(self) -> KrakenCandles:
        # When it is needed: what reads candles takes half a second to load, and not everybody trades by them.
        from bot.brokers.kraken.candles import KrakenCandles

        return KrakenCandles(self._client("", "", None), self._market, self._pacer)

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
