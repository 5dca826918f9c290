"""What a handler is given: the venue, the caller, what was asked; and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.closes import DailyCloses
from paper_exchange.alpaca.instruments import Catalogue
from paper_exchange.alpaca.keys import ApiKey
from paper_exchange.alpaca.parameters import Query
from paper_exchange.core.exchange import Exchange


@dataclass(slots=True)
class PublicCall:
    """A call without a key. `argument` is the last part of the path, where it names something."""

    exchange: Exchange
    catalogue: Catalogue
    query: Query
    argument: str = ""


@dataclass(slots=True, kw_only=True)
class PrivateCall(PublicCall):
    """A call whose key and rate are checked already.

    For faults that were ordered: `fill_fraction` below one lets an order fill only in part, `lag_s` lets what is read
    trail the truth.
    """

    key: ApiKey
    closes: DailyCloses
    body: bytes = b""
    fill_fraction: Decimal = Decimal(1)
    lag_s: float = 0.0

    def horizon(self) -> float | None:
        """The unix time up to which the call sees, `None` for all."""
        return self.exchange.horizon(self.lag_s)


Result = Any
"""The body of an answer: anything that JSON can say; `None` for an answer without a body."""

PublicHandler = Callable[[PublicCall], Result]
PrivateHandler = Callable[[PrivateCall], Result]
