"""Yesterday's last prices."""

from __future__ import annotations

from decimal import Decimal

from paper_exchange.core.candles import DAY
from paper_exchange.core.market import Market


class DailyCloses:
    """Closes of the day before, looked up once a day and symbol: the candles of a day are long to make."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._closes: dict[tuple[str, int], Decimal] = {}

    def last(self, symbol: str, now: float) -> Decimal:
        """The close of the day before the one that it is in the market at a unix time."""
        key = symbol, int(self._market.time.at(now) // DAY)
        if key not in self._closes:
            rows = self._market.quotes[symbol].candles.rows(DAY, now)
            self._closes[key] = rows[-2].close if len(rows) > 1 else rows[-1].open
        return self._closes[key]
