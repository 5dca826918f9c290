"""Reads requests into Kraken's calls, and runs them."""

from __future__ import annotations

from decimal import Decimal

from paper_exchange.core.asgi import Scope
from paper_exchange.core.reply import Reply
from paper_exchange.kraken.errors import UNKNOWN_METHOD, KrakenError
from paper_exchange.kraken.routes import PRIVATE, PUBLIC
from paper_exchange.kraken.venue import Kraken, KrakenCall, failure

_PUBLIC_PREFIX = "/0/public/"
_PRIVATE_PREFIX = "/0/private/"
_TEXT = {b"api-key": "api_key", b"api-sign": "api_sign", b"content-type": "content_type"}


class KrakenProtocol:
    """`/0/public/*` and `/0/private/*`; always HTTP 200 but for unknown methods and ordered faults."""

    def __init__(self, venue: Kraken) -> None:
        self._venue = venue
        self.name = venue.name
        self.exchange = venue.exchange

    def read(self, scope: Scope) -> KrakenCall | Reply:
        """The call that a request makes; 404 for a method that is not known."""
        path: str = scope["path"]
        if path.startswith(_PRIVATE_PREFIX):
            name, private = path.removeprefix(_PRIVATE_PREFIX), True
        else:
            name, private = path.removeprefix(_PUBLIC_PREFIX), False
        # Public calls take GET only: POST was switched off at the venue.
        known = name in PRIVATE if private else name in PUBLIC and scope["method"] == "GET"
        if not known or not path.startswith("/0/"):
            unknown = failure(KrakenError(UNKNOWN_METHOD))
            unknown.status = 404
            return unknown
        client = scope.get("client")
        call = KrakenCall(name, path, client[0] if client else "", scope["query_string"], private=private)
        for header, value in scope["headers"]:
            field = _TEXT.get(header)
            if field is not None:
                setattr(call, field, value.decode("latin-1"))
        return call

    def account_of(self, call: KrakenCall) -> str | None:
        """The name of the account whose key a private call shows."""
        key = self._venue.keys.by_key.get(call.api_key) if call.private else None
        return key.account.name if key is not None else None

    def run(self, call: KrakenCall, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0) -> Reply:
        """Executes a call with all its checks."""
        if call.private:
            return self._venue.run_private(call, fill_fraction, lag_s)
        return self._venue.run_public(call)
