"""Kraken's own answers when things go wrong by order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from paper_exchange.core.fault_effects import ANYWHERE, ORDERS_ONLY
from paper_exchange.core.faults import FaultKind
from paper_exchange.core.reply import Reply
from paper_exchange.kraken.errors import INVALID_NONCE, PERMISSION_DENIED, SERVICE_UNAVAILABLE, KrakenError
from paper_exchange.kraken.routes import PRIVATE
from paper_exchange.kraken.venue import Kraken, KrakenCall, failure

_PRIVATE_ONLY = frozenset({FaultKind.INVALID_NONCE, FaultKind.PERMISSION_REVOKED})
_NONE_FOUND: dict[str, dict[str, Any]] = {
    "QueryOrders": {},
    "OpenOrders": {"open": {}},
    "ClosedOrders": {"closed": {}, "count": 0},
    "TradesHistory": {"trades": {}, "count": 0},
}
_TRAILING = frozenset(
    {"Balance", "BalanceEx", "ClosedOrders", "Ledgers", "OpenOrders", "QueryOrders", "QueryTrades", "TradeBalance"}
    | {"TradesHistory"}
)


class KrakenFaultAnswers:
    """Envelopes with errors or nothing in them."""

    half_answer = b'{"error":[],"result":{"descr":{"order":"'

    def __init__(self, venue: Kraken) -> None:
        self._venue = venue

    def fitting(self, call: KrakenCall) -> frozenset[FaultKind]:
        """The kinds of fault that can happen to a call."""
        if not call.private:
            return ANYWHERE
        kinds = ANYWHERE | _PRIVATE_ONLY
        if call.method in _NONE_FOUND:
            kinds |= {FaultKind.EMPTY_QUERY}
        if call.method in _TRAILING:
            kinds |= {FaultKind.STALE_QUERY}
        return kinds | ORDERS_ONLY if PRIVATE[call.method].places_orders else kinds

    def authenticate(self, call: KrakenCall) -> Reply | None:
        """Uses up the nonce of a private call."""
        if not call.private:
            return None
        try:
            self._venue.authenticate(call)
        except KrakenError as error:
            return failure(error)
        return None

    def admit(self, call: KrakenCall) -> Reply | Callable[[], Reply]:
        """Checks key, nonce, call counter and permission now."""
        try:
            key, parameters = self._venue.authenticate(call)
            self._venue.admit(key, PRIVATE[call.method])
        except KrakenError as error:
            return failure(error)
        return lambda: self._venue.execute(call.method, key, parameters)

    def error(self, kind: FaultKind, text: str | None, call: KrakenCall) -> Reply:
        """An envelope with an error string."""
        if kind is FaultKind.INVALID_NONCE:
            return failure(KrakenError(INVALID_NONCE))
        if kind is FaultKind.PERMISSION_REVOKED:
            return failure(KrakenError(PERMISSION_DENIED))
        return failure(KrakenError(text or SERVICE_UNAVAILABLE))

    def emptied(self, call: KrakenCall) -> Reply:
        """An empty result; of an order, one without an id."""
        places_orders = call.private and PRIVATE[call.method].places_orders
        result = {"descr": {"order": ""}, "txid": []} if places_orders else {}
        return Reply(orjson.dumps({"error": [], "result": result}))

    def none_found(self, call: KrakenCall) -> Reply:
        """No orders, no trades."""
        return Reply(orjson.dumps({"error": [], "result": _NONE_FOUND[call.method]}))
