"""What a handler is given: the venue, the caller, the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import orjson

from paper_exchange.coinbase.errors import NOT_FOUND, CoinbaseError, invalid_argument
from paper_exchange.coinbase.instruments import Catalogue, Product
from paper_exchange.coinbase.keys import ApiKey
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.http import Incoming


@dataclass(slots=True)
class CoinbaseCall(Incoming):
    """One request as it came in. `method` is the official SDK's name of the call, `names` what the path names."""

    verb: str = "GET"
    host: str = ""
    authorization: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


class Parameters:
    """The query of a call; what the venue does not know is left unread."""

    def __init__(self, query: bytes) -> None:
        self._pairs = parse_qsl(query.decode("utf-8", "replace"))

    def text(self, name: str) -> str | None:
        """The value, `None` when absent or empty."""
        return next((value for key, value in self._pairs if key == name), None)

    def texts(self, *names: str) -> list[str]:
        """All values of a repeated parameter, which may go by several names."""
        return [value for key, value in self._pairs if key in names]

    def flag(self, name: str) -> bool:
        """Whether it is true, however it is spelt (`True` from Python clients)."""
        return (self.text(name) or "").lower() == "true"

    def whole(self, name: str, default: int, most: int) -> int:
        """A whole number from 1; more than `most` counts as `most`. Raises CoinbaseError."""
        text = self.text(name)
        if text is None:
            return default
        if not text.isdecimal() or int(text) < 1:
            raise invalid_argument(f"{name} is invalid")
        return min(int(text), most)

    def seconds(self, name: str) -> float | None:
        """Unix seconds; raises CoinbaseError."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return float(text)
        except ValueError:
            raise invalid_argument(f"{name} is invalid") from None


@dataclass(slots=True)
class Call:
    """A call that was admitted. `key` is missing for public ones.

    For faults that were ordered: `fill_fraction` below one lets a market order fill only in part, `lag_s` lets what is
    read trail the truth.
    """

    exchange: Exchange
    catalogue: Catalogue
    incoming: CoinbaseCall
    caller: ApiKey | None = None
    fill_fraction: Decimal = Decimal(1)
    lag_s: float = 0.0
    placed: str | None = None

    @property
    def key(self) -> ApiKey:
        """The caller of a private call."""
        assert self.caller is not None
        return self.caller

    @property
    def parameters(self) -> Parameters:
        """The query."""
        return Parameters(self.incoming.query)

    def body(self) -> dict[str, Any]:
        """The JSON object in the body; raises CoinbaseError."""
        try:
            values = orjson.loads(self.incoming.body)
        except orjson.JSONDecodeError:
            raise invalid_argument("could not read the body") from None
        if not isinstance(values, dict):
            raise invalid_argument("could not read the body")
        return values

    def horizon(self) -> float | None:
        """The unix time up to which the call sees, `None` for all."""
        return self.exchange.horizon(self.lag_s)

    def product(self, product_id: str) -> Product:
        """Raises CoinbaseError 404 for a product that is not listed."""
        found = self.catalogue.products.get(product_id)
        if found is None:
            raise CoinbaseError(404, NOT_FOUND, f"Product {product_id} not supported")
        return found


Result = dict[str, Any]
