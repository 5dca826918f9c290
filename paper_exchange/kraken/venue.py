"""Runs calls: who may do what, in the venue's order of checks, and what is answered.

key -> signature -> nonce -> call counter -> permission, then the method's own checks.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from paper_exchange.core.exchange import Exchange
from paper_exchange.core.http import Incoming
from paper_exchange.core.limits import Counter
from paper_exchange.core.reply import Reply
from paper_exchange.kraken.calls import PrivateCall, PublicCall, Result
from paper_exchange.kraken.errors import (
    INTERNAL_ERROR,
    INVALID_KEY,
    INVALID_NONCE,
    INVALID_SIGNATURE,
    PERMISSION_DENIED,
    RATE_LIMIT,
    TOO_MANY_REQUESTS,
    KrakenError,
)
from paper_exchange.kraken.instruments import Catalogue
from paper_exchange.kraken.keys import ApiKey, KeyRing, check_signature
from paper_exchange.kraken.limits import LIMITS
from paper_exchange.kraken.parameters import Parameters
from paper_exchange.kraken.routes import PRIVATE, PUBLIC, PrivateMethod

NAME = "kraken"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class KrakenCall(Incoming):
    """One request as it came in. `method` is the last part of the path."""

    private: bool = False
    content_type: str = ""
    api_key: str = ""
    api_sign: str = ""


class Kraken:
    """The venue: its exchange, its pairs, its keys. Every method here is atomic; none waits."""

    name = NAME

    def __init__(self, exchange: Exchange, catalogue: Catalogue, keys: KeyRing) -> None:
        self.exchange = exchange
        self.catalogue = catalogue
        self.keys = keys
        self._public_counters: dict[str, Counter] = {}

    def run_public(self, incoming: KrakenCall) -> Reply:
        """Executes a public call."""
        try:
            self._charge_public(incoming.address)
            call = PublicCall(self.exchange, self.catalogue, Parameters.from_query(incoming.query))
            return success(PUBLIC[incoming.method](call))
        except KrakenError as error:
            return failure(error)
        except Exception:
            _log.exception("%s failed", incoming.method)
            return failure(KrakenError(INTERNAL_ERROR))

    def authenticate(self, incoming: KrakenCall) -> tuple[ApiKey, Parameters]:
        """Key, signature and nonce; raises KrakenError. The nonce is used up even if the call is refused later."""
        if not incoming.api_key:
            raise KrakenError(INVALID_KEY)
        key = self.keys.identify(incoming.api_key)
        parameters = Parameters.from_body(incoming.body, incoming.content_type)
        nonce = parameters.nonce()
        if not incoming.api_sign:
            raise KrakenError(INVALID_SIGNATURE)
        check_signature(key, incoming.path, nonce, incoming.body, incoming.api_sign)
        if not nonce:
            raise KrakenError(INVALID_NONCE)
        key.take_nonce(int(nonce))
        key.last_used_at = self.exchange.clock.now()
        return key, parameters

    def admit(self, key: ApiKey, method: PrivateMethod) -> None:
        """Call counter and permission; raises KrakenError."""
        if method.cost and self.exchange.settings.rate_limits:
            limits = LIMITS[key.tier]
            if not key.call_counter.try_charge(method.cost, limits.call_points, limits.call_decay, time.monotonic()):
                raise KrakenError(RATE_LIMIT)
        missing = method.all_of - key.permissions
        if missing or (method.any_of and not method.any_of & key.permissions):
            raise KrakenError(PERMISSION_DENIED)

    def run_private(self, incoming: KrakenCall, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0) -> Reply:
        """Executes a private call with all its checks; the last two are for faults, see `PrivateCall`."""
        try:
            key, parameters = self.authenticate(incoming)
            self.admit(key, PRIVATE[incoming.method])
        except KrakenError as error:
            return failure(error)
        return self.execute(incoming.method, key, parameters, fill_fraction, lag_s)

    def execute(
        self,
        name: str,
        key: ApiKey,
        parameters: Parameters,
        fill_fraction: Decimal = Decimal(1),
        lag_s: float = 0.0,
    ) -> Reply:
        """Executes a call that was authenticated and admitted."""
        method = PRIVATE[name]
        try:
            result = method.handler(PrivateCall(self.exchange, self.catalogue, parameters, key, fill_fraction, lag_s))
        except KrakenError as error:
            return failure(error)
        except Exception:
            _log.exception("%s failed", name)
            return failure(KrakenError(INTERNAL_ERROR))
        answer = success(result)
        if method.places_orders:
            answer.order_id = _order_ids(result)
        return answer

    def _charge_public(self, address: str) -> None:
        rate = self.exchange.settings.public_rate_per_s
        if rate is None:
            return
        counter = self._public_counters.setdefault(address, Counter())
        if not counter.try_charge(1, max(rate, 1), rate, time.monotonic()):
            raise KrakenError(TOO_MANY_REQUESTS)


def success(result: Result) -> Reply:
    """The envelope of a result."""
    return Reply(orjson.dumps({"error": [], "result": result}))


def failure(error: KrakenError) -> Reply:
    """The envelope of an error: `result` is absent, or null where the venue says so."""
    envelope: dict[str, Any] = {"error": [error.text]}
    if error.null_result:
        envelope["result"] = None
    return Reply(orjson.dumps(envelope), error=error.text)


def _order_ids(result: Result) -> str | None:
    placed = result.get("txid")
    if isinstance(placed, str):
        return placed
    ids = placed if placed is not None else [item["txid"] for item in result.get("orders", ()) if "txid" in item]
    return ",".join(ids) or None
