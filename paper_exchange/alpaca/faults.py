"""Alpaca's own answers when things go wrong by order."""

from __future__ import annotations

import re
from collections.abc import Callable

from paper_exchange.alpaca.errors import AlpacaError, forbidden, internal_error, not_found
from paper_exchange.alpaca.parameters import Query
from paper_exchange.alpaca.venue import Alpaca, AlpacaCall, failure
from paper_exchange.core.fault_effects import ANYWHERE, ORDERS_ONLY
from paper_exchange.core.faults import FaultKind
from paper_exchange.core.reply import Reply

#: `422 40010001 client_order_id must be unique`: HTTP status, code, message; the code may be left out.
_ERROR_TEXT = re.compile(r"^([45]\d\d)(?: (\d{8}))?(?: (.*))?$")

FAULT_KINDS = frozenset(FaultKind) - {FaultKind.INVALID_NONCE}
"""What can happen at Alpaca, which knows no nonces."""


class AlpacaFaultAnswers:
    """Errors in the venue's form, and answers with nothing in them."""

    half_answer = b'{"id":"e6419d12-56e4-4d67-a61b-f6e464e1f8a8","client_order_id":"'

    def __init__(self, venue: Alpaca) -> None:
        self._venue = venue

    def fitting(self, call: AlpacaCall) -> frozenset[FaultKind]:
        """The kinds of fault that can happen to a call."""
        endpoint = call.endpoint
        if endpoint.private is None:
            return ANYWHERE
        kinds = ANYWHERE | {FaultKind.PERMISSION_REVOKED}
        if endpoint.finds_orders:
            kinds |= {FaultKind.EMPTY_QUERY}
        if endpoint.trails:
            kinds |= {FaultKind.STALE_QUERY}
        return kinds | ORDERS_ONLY if endpoint.places_orders else kinds

    def authenticate(self, call: AlpacaCall) -> Reply | None:
        """Checks the key of a private call."""
        if call.endpoint.private is None:
            return None
        try:
            self._venue.identify(call)
        except AlpacaError as error:
            return failure(error)
        return None

    def admit(self, call: AlpacaCall) -> Reply | Callable[[], Reply]:
        """Checks key and rate limit now."""
        try:
            key = self._venue.admit(call)
        except AlpacaError as error:
            return failure(error)
        return lambda: self._venue.execute(call, key)

    def error(self, kind: FaultKind, text: str | None, call: AlpacaCall) -> Reply:
        """An error body; a text that does not begin with a status is the message of a 500."""
        if kind is FaultKind.PERMISSION_REVOKED:
            return failure(forbidden())
        if text is None:
            return failure(internal_error())
        found = _ERROR_TEXT.match(text)
        if found is None:
            return failure(AlpacaError(500, internal_error().code, text))
        return failure(AlpacaError(int(found[1]), int(found[2]) if found[2] else None, found[3] or ""))

    def emptied(self, call: AlpacaCall) -> Reply:
        """HTTP 200 and an empty list, or nothing at all where an object should be."""
        return Reply(b"[]" if call.endpoint.answers_list else b"")

    def none_found(self, call: AlpacaCall) -> Reply:
        """No orders, no fills: an empty list, or 404 where one order was asked for."""
        if call.endpoint.answers_list:
            return Reply(b"[]")
        name = call.argument or Query(call.query).text("client_order_id") or ""
        return failure(not_found(f"order not found for {name}"))
