"""What a handler is given: the venue, the caller, the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_exchange.core.exchange import Exchange
from paper_exchange.kraken.errors import UNKNOWN_PAIR, KrakenError, invalid_argument
from paper_exchange.kraken.instruments import Catalogue, Pair
from paper_exchange.kraken.keys import ApiKey
from paper_exchange.kraken.parameters import Parameters


@dataclass(slots=True)
class PublicCall:
    """A call without a key."""

    exchange: Exchange
    catalogue: Catalogue
    parameters: Parameters


@dataclass(slots=True)
class PrivateCall:
    """A call whose key, signature, nonce, limits and permissions are checked already.

    For faults that were ordered: `fill_fraction` below one lets a market order fill only in part, `lag_s` lets what is
    read trail the truth.
    """

    exchange: Exchange
    catalogue: Catalogue
    parameters: Parameters
    key: ApiKey
    fill_fraction: Decimal = Decimal(1)
    lag_s: float = 0.0

    def horizon(self) -> float | None:
        """The unix time up to which the call sees, `None` for all."""
        return self.exchange.horizon(self.lag_s)


Result = Any
"""The `result` of an answer: anything that JSON can say."""

PublicHandler = Callable[[PublicCall], Result]
PrivateHandler = Callable[[PrivateCall], Result]


def find_pair(catalogue: Catalogue, parameters: Parameters) -> Pair:
    """The pair that the call names; raises KrakenError."""
    name = parameters.text("pair")
    if name is None:
        raise invalid_argument("pair")
    pair = catalogue.pair(name)
    if pair is None:
        raise KrakenError(UNKNOWN_PAIR)
    return pair
