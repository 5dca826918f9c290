"""Runs calls: who may do what, in this order of checks: token, rate, permission, then the call's own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from decimal import Decimal

import orjson

from paper_exchange.coinbase.calls import Call, CoinbaseCall
from paper_exchange.coinbase.errors import (
    INTERNAL,
    MISSING_SCOPES,
    NOT_FOUND,
    PERMISSION_DENIED,
    RATE_LIMIT,
    UNAVAILABLE,
    CoinbaseError,
    refuse,
)
from paper_exchange.coinbase.instruments import Catalogue
from paper_exchange.coinbase.keys import LOGICAL_HOST, ApiKey, KeyRing, token_key_name, verify
from paper_exchange.coinbase.routes import BY_NAME, find
from paper_exchange.core.asgi import Scope
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.limits import Counter
from paper_exchange.core.reply import Reply
from paper_exchange.core.settings import SystemStatus

NAME = "coinbase"
PRIVATE_PER_S = 30
_HEADERS = {b"authorization": "authorization", b"host": "host"}
_log = logging.getLogger(__name__)


class Coinbase:
    """The venue: its exchange, its products, its keys. Every method here is atomic; none waits."""

    name = NAME

    def __init__(self, exchange: Exchange, catalogue: Catalogue, keys: KeyRing) -> None:
        self.exchange = exchange
        self.catalogue = catalogue
        self.keys = keys
        self._public_counters: dict[str, Counter] = {}

    def read(self, scope: Scope) -> CoinbaseCall | Reply:
        """The call that a request makes; 404 for a path that is not known."""
        path, verb = scope["path"], scope["method"]
        found = find(verb, path)
        if found is None:
            return refuse(CoinbaseError(404, NOT_FOUND, "Not Found"))
        route, names = found
        client = scope.get("client")
        call = CoinbaseCall(
            route.name, path, client[0] if client else "", scope["query_string"], verb=verb, names=names
        )
        for header, value in scope["headers"]:
            field = _HEADERS.get(header)
            if field is not None:
                setattr(call, field, value.decode("latin-1"))
        return call

    def account_of(self, call: CoinbaseCall) -> str | None:
        """The name of the account whose key a private call's token names."""
        if BY_NAME[call.method].scope is None:
            return None
        key = self.keys.by_name.get(token_key_name(call.authorization))
        return key.account.name if key is not None else None

    def run(self, call: CoinbaseCall, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0) -> Reply:
        """Executes a call with all its checks."""
        return self._answered(call, lambda: self._execute(call, self.admit(call), fill_fraction, lag_s))

    def execute(self, call: CoinbaseCall, key: ApiKey | None) -> Reply:
        """Executes a call that was admitted."""
        return self._answered(call, lambda: self._execute(call, key))

    def authenticate(self, call: CoinbaseCall) -> ApiKey | None:
        """The key that signed a private call, `None` for public ones; raises CoinbaseError."""
        if BY_NAME[call.method].scope is None:
            return None
        now = self.exchange.clock.now()
        return verify(self.keys, call.authorization, call.verb, (LOGICAL_HOST, call.host), call.path, now)

    def admit(self, call: CoinbaseCall) -> ApiKey | None:
        """Token, rate and permission; raises CoinbaseError."""
        if self.exchange.settings.system_status is SystemStatus.MAINTENANCE:
            raise CoinbaseError(503, UNAVAILABLE)
        key, scope = self.authenticate(call), BY_NAME[call.method].scope
        self._charge(call, key)
        if scope is not None and not getattr(key, scope):
            raise CoinbaseError(403, PERMISSION_DENIED, MISSING_SCOPES)
        return key

    def _charge(self, call: CoinbaseCall, key: ApiKey | None) -> None:
        settings = self.exchange.settings
        rate = settings.public_rate_per_s if key is None else PRIVATE_PER_S
        if not settings.rate_limits or rate is None:
            return
        counter = key.counter if key is not None else self._public_counters.setdefault(call.address, Counter())
        if not counter.try_charge(1, max(rate, 1), rate, time.monotonic()):
            raise CoinbaseError(429, RATE_LIMIT, "Too many requests")

    def _execute(
        self, incoming: CoinbaseCall, key: ApiKey | None, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0
    ) -> Reply:
        call = Call(self.exchange, self.catalogue, incoming, key, fill_fraction, lag_s)
        result = BY_NAME[incoming.method].handler(call)
        # An order that the market refuses is HTTP 200 with an error inside.
        refused = result.get("error_response") or {}
        return Reply(orjson.dumps(result), error=refused.get("new_order_failure_reason"), order_id=call.placed)

    def _answered(self, call: CoinbaseCall, run: Callable[[], Reply]) -> Reply:
        try:
            return run()
        except CoinbaseError as error:
            return refuse(error)
        except Exception:
            _log.exception("%s failed", call.method)
            return refuse(CoinbaseError(500, INTERNAL))
