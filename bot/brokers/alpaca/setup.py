"""Alpaca in this process."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bot.brokers.alpaca.broker import AlpacaBroker
from bot.brokers.alpaca.client import AlpacaClient, AlpacaPrices
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.base import BaseBroker, BrokerPorts
from bot.brokers.base.parts import options_of
from bot.brokers.base.setup import Venue
from bot.brokers.limiter import Pacer
from bot.brokers.wiring import own_api_url_of, socket_url_of, wiring_of
from bot.domain.enums import BrokerType
from bot.domain.ports import Clock
from bot.settings.env import AccountSettings, Environment

if TYPE_CHECKING:
    from bot.brokers.alpaca.candles import AlpacaCandles

#: The sockets of accounts (Alpaca docs, "Websocket Streaming").
PAPER_SOCKET_URL = "wss://paper-api.alpaca.markets/stream"
LIVE_SOCKET_URL = "wss://api.alpaca.markets/stream"


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
        self._pacer = Pacer(AlpacaMarket.question_interval_s, clock)
        self.market = AlpacaMarket(prices, environment.alpaca_minimum_order_usd, clock, self._pacer)

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
        stream_url = socket_url_of(
            environment.alpaca_ws_url,
            environment.alpaca_api_url,
            own_api_url_of(BrokerType.ALPACA),
            PAPER_SOCKET_URL if credentials.paper else LIVE_SOCKET_URL,
        )
        options = options_of(environment)
        return AlpacaBroker(account.account, client, self.market, ports, options, lands_within_s, stream_url)

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep prices fresh until ``stop`` is set; pairs are kept so by the accounts."""
        self.market.keep_fresh(stop)

    def candles(self, symbol: str, interval_s: int, now: float | None = None) -> Any:
        """Up to 720 candles, oldest first, the last one still forming. Raises VenueError, InvalidAmount."""
        return self._candles.candles(symbol, interval_s, self._clock.time() if now is None else now)

    @cached_property
    def _candles(self) -> AlpacaCandles:
        # When it is needed: what reads candles takes half a second to load, and not everybody trades by them.
        from bot.brokers.alpaca.candles import AlpacaBars, AlpacaCandles

        bars = AlpacaBars(url=self._environment.alpaca_api_url, **wiring_of(self._environment, self._clock))
        return AlpacaCandles(bars, self.market, self._pacer)


def open_venue(environment: Environment, clock: Clock) -> Venue:
    """The venue of this package."""
    return AlpacaVenue(environment, clock)
