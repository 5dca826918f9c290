"""Runs calls: key and secret, then the rate limit, then the endpoint's own checks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from decimal import Decimal

import orjson

from paper_exchange.alpaca.calls import PrivateCall, PublicCall, Result
from paper_exchange.alpaca.closes import DailyCloses
from paper_exchange.alpaca.errors import (
    AlpacaError,
    NoCredentials,
    internal_error,
    rate_limit_exceeded,
    unavailable,
)
from paper_exchange.alpaca.instruments import Catalogue
from paper_exchange.alpaca.keys import ApiKey, KeyRing
from paper_exchange.alpaca.parameters import Query
from paper_exchange.alpaca.routes import Endpoint
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.http import Incoming
from paper_exchange.core.limits import Counter
from paper_exchange.core.reply import Reply
from paper_exchange.core.settings import SystemStatus

NAME = "alpaca"
_UNAUTHORIZED = 401
_WEB_SERVER_PAGE = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class AlpacaCall(Incoming):
    """One request as it came in. `argument` is the last part of the path, where it names something."""

    endpoint: Endpoint
    argument: str = ""
    api_key: str = ""
    api_secret: str = ""


class Alpaca:
    """The venue: its exchange, its pairs, its keys. Every method here is atomic; none waits."""

    name = NAME

    def __init__(self, exchange: Exchange, catalogue: Catalogue, keys: KeyRing) -> None:
        self.exchange = exchange
        self.catalogue = catalogue
        self.keys = keys
        self._closes = DailyCloses(exchange.market)
        self._public_counters: dict[str, Counter] = {}

    def run_public(self, incoming: AlpacaCall) -> Reply:
        """Executes a call for market data, whatever key it shows."""
        handler = incoming.endpoint.public
        assert handler is not None
        try:
            self._charge_public(incoming.address)
            call = PublicCall(self.exchange, self.catalogue, Query(incoming.query), incoming.argument)
            return success(handler(call), incoming.endpoint)
        except AlpacaError as error:
            return failure(error)
        except Exception:
            _log.exception("%s failed", incoming.method)
            return failure(internal_error())

    def identify(self, incoming: AlpacaCall) -> ApiKey:
        """Whose call it is; raises AlpacaError."""
        if not incoming.api_key or not incoming.api_secret:
            raise NoCredentials
        return self.keys.identify(incoming.api_key, incoming.api_secret)

    def admit(self, incoming: AlpacaCall) -> ApiKey:
        """Key and rate limit; raises AlpacaError."""
        key = self.identify(incoming)
        if self.exchange.settings.rate_limits and not key.window.take(self.exchange.clock.now()):
            raise rate_limit_exceeded()
        return key

    def run_private(self, incoming: AlpacaCall, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0) -> Reply:
        """Executes a private call with all its checks; the last two are for faults, see `PrivateCall`."""
        try:
            key = self.admit(incoming)
        except AlpacaError as error:
            return self._limited(failure(error), incoming)
        return self.execute(incoming, key, fill_fraction, lag_s)

    def execute(
        self, incoming: AlpacaCall, key: ApiKey, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0
    ) -> Reply:
        """Executes a call that was admitted."""
        return self._limited(self._answer(incoming, key, fill_fraction, lag_s), incoming)

    def _answer(self, incoming: AlpacaCall, key: ApiKey, fill_fraction: Decimal, lag_s: float) -> Reply:
        handler = incoming.endpoint.private
        assert handler is not None
        call = PrivateCall(
            self.exchange,
            self.catalogue,
            Query(incoming.query),
            incoming.argument,
            key=key,
            closes=self._closes,
            body=incoming.body,
            fill_fraction=fill_fraction,
            lag_s=lag_s,
        )
        try:
            if self.exchange.settings.system_status is SystemStatus.MAINTENANCE:
                raise unavailable()
            return success(handler(call), incoming.endpoint)
        except AlpacaError as error:
            return failure(error)
        except Exception:
            _log.exception("%s failed", incoming.method)
            return failure(internal_error())

    def _limited(self, reply: Reply, incoming: AlpacaCall) -> Reply:
        key = self.keys.by_key.get(incoming.api_key)
        if key is not None and reply.status != _UNAUTHORIZED and self.exchange.settings.rate_limits:
            reply.headers = tuple(key.window.headers())
        return reply

    def _charge_public(self, address: str) -> None:
        rate = self.exchange.settings.public_rate_per_s
        if rate is None:
            return
        counter = self._public_counters.setdefault(address, Counter())
        if not counter.try_charge(1, max(rate, 1), rate, time.monotonic()):
            raise rate_limit_exceeded()


def success(result: Result, endpoint: Endpoint) -> Reply:
    """The body of an answer; the id of a new order is noted for the journal."""
    body = b"" if result is None else orjson.dumps(result)
    return Reply(body, endpoint.status, order_id=result["id"] if endpoint.places_orders else None)


def failure(error: AlpacaError) -> Reply:
    """The body of an error."""
    if isinstance(error, NoCredentials):
        return Reply(_WEB_SERVER_PAGE, error.status, b"text/html", error=error.message)
    return Reply(orjson.dumps(error.body()), error.status, error=error.message)
