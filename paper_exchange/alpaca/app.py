"""Reads requests into Alpaca's calls, and runs them."""

from __future__ import annotations

from decimal import Decimal

from paper_exchange.alpaca.errors import endpoint_not_found
from paper_exchange.alpaca.routes import find
from paper_exchange.alpaca.venue import Alpaca, AlpacaCall, failure
from paper_exchange.core.asgi import Scope
from paper_exchange.core.reply import Reply

_TEXT = {b"apca-api-key-id": "api_key", b"apca-api-secret-key": "api_secret"}


class AlpacaProtocol:
    """`/v2/*` and `/v1beta3/crypto/us/*`, which are two hosts at the venue and one here."""

    def __init__(self, venue: Alpaca) -> None:
        self._venue = venue
        self.name = venue.name
        self.exchange = venue.exchange

    def read(self, scope: Scope) -> AlpacaCall | Reply:
        """The call that a request makes; 404 for an endpoint that is not known."""
        path: str = scope["raw_path"].decode("latin-1")
        found = find(scope["method"], path)
        if found is None:
            return failure(endpoint_not_found())
        endpoint, argument = found
        client = scope.get("client")
        call = AlpacaCall(
            method=endpoint.name,
            path=path,
            address=client[0] if client else "",
            query=scope["query_string"],
            endpoint=endpoint,
            argument=argument,
        )
        for header, value in scope["headers"]:
            field = _TEXT.get(header)
            if field is not None:
                setattr(call, field, value.decode("latin-1"))
        return call

    def account_of(self, call: AlpacaCall) -> str | None:
        """The name of the account whose key a private call shows."""
        key = self._venue.keys.by_key.get(call.api_key) if call.endpoint.private is not None else None
        return key.account.name if key is not None else None

    def run(self, call: AlpacaCall, fill_fraction: Decimal = Decimal(1), lag_s: float = 0.0) -> Reply:
        """Executes a call with all its checks."""
        if call.endpoint.private is None:
            return self._venue.run_public(call)
        return self._venue.run_private(call, fill_fraction, lag_s)
