"""Coinbase's own answers when things go wrong by order."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from paper_exchange.coinbase.calls import CoinbaseCall
from paper_exchange.coinbase.errors import (
    INTERNAL,
    INVALID_ARGUMENT,
    MISSING_SCOPES,
    NOT_FOUND,
    PERMISSION_DENIED,
    RATE_LIMIT,
    UNAUTHORIZED,
    UNAVAILABLE,
    CoinbaseError,
    OrderRefused,
    refuse,
)
from paper_exchange.coinbase.routes import BY_NAME
from paper_exchange.coinbase.trading import refusal
from paper_exchange.coinbase.venue import Coinbase
from paper_exchange.core.fault_effects import ANYWHERE, ORDERS_ONLY
from paper_exchange.core.faults import FaultKind
from paper_exchange.core.reply import Reply

_NONE_FOUND: dict[str, dict[str, Any]] = {
    "list_orders": {"orders": [], "sequence": "0", "has_next": False, "cursor": ""},
    "get_fills": {"fills": [], "cursor": ""},
}
_QUERIES = frozenset({*_NONE_FOUND, "get_order"})
_TRAILING = _QUERIES | {"get_accounts", "get_account"}
#: What an answer holds, by call: it is null in an empty one.
_CONTENTS = {
    "create_order": {"success": True, "success_response": None, "order_configuration": None},
    "cancel_orders": {"results": None},
    "get_order": {"order": None},
    "list_orders": {"orders": None, "sequence": "0", "has_next": False, "cursor": ""},
    "get_fills": {"fills": None, "cursor": ""},
    "get_accounts": {"accounts": None, "has_next": False, "cursor": "", "size": 0},
    "get_account": {"account": None},
    "get_product_book": {"pricebook": None},
    "get_best_bid_ask": {"pricebooks": None},
    "get_transaction_summary": {"fee_tier": None},
}
#: `400 INVALID_ARGUMENT account is not available`: status, error and message of an ordered error.
_HTTP_ERROR = re.compile(r"^([45]\d\d)(?: (\S+))?(?: (.+))?$")
_NAMES = {
    400: INVALID_ARGUMENT,
    401: UNAUTHORIZED,
    403: PERMISSION_DENIED,
    404: NOT_FOUND,
    429: RATE_LIMIT,
    503: UNAVAILABLE,
}
_NO_PREVIEW_REASON = "UNKNOWN_PREVIEW_FAILURE_REASON"
_NO_REASON = "UNKNOWN_FAILURE_REASON"


class CoinbaseFaultAnswers:
    """Refused orders, HTTP errors, and answers whose contents are null."""

    half_answer = b'{"success":true,"success_response":{"order_id":"'

    def __init__(self, venue: Coinbase) -> None:
        self._venue = venue

    def fitting(self, call: CoinbaseCall) -> frozenset[FaultKind]:
        """The kinds of fault that can happen to a call."""
        route = BY_NAME[call.method]
        if route.scope is None:
            return ANYWHERE
        kinds = ANYWHERE | {FaultKind.PERMISSION_REVOKED}
        if call.method in _QUERIES:
            kinds |= {FaultKind.EMPTY_QUERY}
        if call.method in _TRAILING:
            kinds |= {FaultKind.STALE_QUERY}
        return kinds | ORDERS_ONLY if route.places_orders else kinds

    def authenticate(self, call: CoinbaseCall) -> Reply | None:
        """Verifies the token."""
        try:
            self._venue.authenticate(call)
        except CoinbaseError as error:
            return refuse(error)
        return None

    def admit(self, call: CoinbaseCall) -> Reply | Callable[[], Reply]:
        """Checks token, rate and permission now."""
        try:
            key = self._venue.admit(call)
        except CoinbaseError as error:
            return refuse(error)
        return lambda: self._venue.execute(call, key)

    def error(self, kind: FaultKind, text: str | None, call: CoinbaseCall) -> Reply:
        """An HTTP error when the text begins with a status; otherwise an order is refused, other calls get HTTP 400."""
        if kind is FaultKind.PERMISSION_REVOKED:
            return refuse(CoinbaseError(403, PERMISSION_DENIED, MISSING_SCOPES))
        http = _HTTP_ERROR.match(text or "")
        if http is not None:
            status = int(http[1])
            return refuse(CoinbaseError(status, http[2] or _NAMES.get(status, INTERNAL), http[3] or ""))
        if BY_NAME[call.method].places_orders:
            reason = text or _NO_REASON
            return Reply(orjson.dumps(refusal(OrderRefused(reason, _NO_PREVIEW_REASON), None)), error=reason)
        return refuse(CoinbaseError(500, INTERNAL) if text is None else CoinbaseError(400, text, text))

    def emptied(self, call: CoinbaseCall) -> Reply:
        """The right form, with null where the contents are."""
        return Reply(orjson.dumps(_CONTENTS.get(call.method, {})))

    def none_found(self, call: CoinbaseCall) -> Reply:
        """No orders, no fills; of one order, that there is none."""
        if call.method == "get_order":
            return refuse(CoinbaseError(404, NOT_FOUND, "order not found"))
        return Reply(orjson.dumps(_NONE_FOUND[call.method]))
