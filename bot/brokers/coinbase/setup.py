"""Coinbase in this process."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.base.parts import options_of
from bot.brokers.base.setup import Venue
from bot.brokers.coinbase.broker import CoinbaseBroker
from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.limiter import Pacer
from bot.brokers.wiring import own_api_url_of, socket_url_of, wiring_of
from bot.domain.enums import BrokerType
from bot.domain.ports import Clock
from bot.settings.env import AccountSettings, Environment

if TYPE_CHECKING:
    from bot.brokers.coinbase.candles import CoinbaseCandles

#: The socket of an account's own orders (Coinbase Advanced Trade WebSocket docs).
USER_SOCKET_URL = "wss://advanced-trade-ws-user.coinbase.com"


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
        self._pacer = Pacer(CoinbaseMarket.question_interval_s, clock)
        self.market = CoinbaseMarket(self._client("", ""), clock, self._pacer)

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started. Raises SettingsError where its secret holds no key."""
        credentials = account.credentials
        client = self._client(
            credentials.api_key.get_secret_value(), credentials.api_secret.get_secret_value(), str(account.account)
        )
        environment = self._environment
        stream_url = socket_url_of(
            environment.coinbase_ws_url,
            environment.coinbase_api_url,
            own_api_url_of(BrokerType.COINBASE),
            USER_SOCKET_URL,
        )
        return CoinbaseBroker(account.account, client, self.market, ports, options_of(environment), stream_url)

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep prices and instruments fresh until ``stop`` is set."""
        self.market.keep_fresh(stop)

    def candles(self, symbol: str, interval_s: int, now: float | None = None) -> Any:
        """About 720 candles, oldest first, the last one still forming. Raises VenueError, InvalidAmount."""
        return self._candles.candles(symbol, interval_s, self._clock.time() if now is None else now)

    @cached_property
    def _candles(self) -> CoinbaseCandles:
        # When it is needed: what reads candles takes half a second to load, and not everybody trades by them.
        from bot.brokers.coinbase.candles import CoinbaseCandles

        return CoinbaseCandles(self._client("", ""), self.market, self._pacer)

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
