"""What all venues of one process share: the time, the seed, the prices, the armed faults, the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

from paper_exchange.core.clock import Clock
from paper_exchange.core.faults import Faults
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.journal import Journal
from paper_exchange.core.prices import PriceSource

PriceChoice = Callable[[Mapping[str, Instrument], Mapping[str, Decimal], float], PriceSource]
"""(instruments, first prices, unix time of the start) -> where the prices of one venue come from."""


class World:
    """Made once; every venue is built into it.

    Venues have price sources of their own, alike in seed, start and steps, so that they quote the same prices, each on
    its own price step.
    """

    def __init__(self, seed: int, choose_prices: PriceChoice, clock: Clock | None = None) -> None:
        self.seed = seed
        self.choose_prices = choose_prices
        self.clock = clock or Clock()
        self.started_at = self.clock.now()
        self.faults = Faults(seed, self.clock)
        self.journal = Journal()


Later = Callable[[float, Callable[[], None]], object]
"""Calls a function so many seconds from now."""


def later(seconds: float, function: Callable[[], None]) -> None:
    """Calls a function later, in the event loop that runs now."""
    asyncio.get_running_loop().call_later(seconds, function)
