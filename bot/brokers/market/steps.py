"""The steps of a broker that its venue's market answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.brokers.base.venue import VenueSteps
from bot.brokers.market.market import Market
from bot.domain.enums import Side
from bot.domain.instruments import Instrument


class MarketSteps(VenueSteps):
    """Fills in instrument and price of :class:`bot.brokers.base.venue.VenueSteps`; the broker brings its market."""

    _market: Market[Any]

    def _venue_instrument(self, symbol: str) -> Instrument:
        return self._market.instrument(symbol)

    def _venue_price(self, symbol: str, side: Side, max_age_s: float) -> Decimal:
        self._market.watch(symbol)
        quote = self._market.fresh_quote(symbol, max_age_s)
        return quote.ask if side is Side.BUY else quote.bid
