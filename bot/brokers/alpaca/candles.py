"""Alpaca's candles, which it calls bars, by alpaca-py's client for market data; they need no key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alpaca.data.requests import CryptoBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from bot.brokers.alpaca.client import AlpacaPrices
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.answers import list_of, mapping_of, moment_of
from bot.brokers.candles import WANTED, frame_of, in_turn, length_of
from bot.brokers.failures import translated
from bot.brokers.limiter import Pacer
from bot.domain.errors import VenueUnreachable

#: Seconds -> how often which unit (Alpaca docs, Historical bars). Days begin at midnight UTC.
_LENGTHS = {
    **{60 * minutes: (minutes, TimeFrameUnit.Minute) for minutes in (1, 5, 15, 30)},
    **{3_600 * hours: (hours, TimeFrameUnit.Hour) for hours in (1, 2, 4, 6, 12)},
    86_400: (1, TimeFrameUnit.Day),
}
_VALUES = ("o", "h", "l", "c", "v")


class AlpacaBars(AlpacaPrices):
    """As :class:`AlpacaPrices`, for what was; a connection of its own, so that no order's price waits for it."""

    def bars(self, name: str, amount: int, unit: TimeFrameUnit, start: datetime) -> Any:
        """The bars of a pair in the venue's own spelling, ``BTC/USD``, oldest first (GET /v1beta3/crypto/us/bars).

        Raises:
            VenueError: they could not be had.
        """
        request = CryptoBarsRequest(symbol_or_symbols=name, timeframe=TimeFrame(amount, unit), start=start)
        return translated(lambda: self._api.get_crypto_bars(request))


class AlpacaCandles:
    """Asks for candles.

    Args:
        bars: asks for them.
        market: knows the pairs.
        pacer: shared by everything that asks for market data.
    """

    def __init__(self, bars: AlpacaBars, market: AlpacaMarket, pacer: Pacer) -> None:
        self._bars = bars
        self._market = market
        self._pacer = pacer

    def candles(self, symbol: str, interval_s: int, now: float) -> Any:
        """Up to 720 candles, the one that is forming among them; where nothing was traded the venue may have none.

        Raises:
            InvalidAmount: the symbol is not listed, or there are no candles of this length.
            VenueError: they could not be had, or no account has asked for the pairs yet.
        """
        amount, unit = length_of(_LENGTHS, interval_s, "Alpaca")
        if not self._market.loaded:
            raise VenueUnreachable("Alpaca's pairs are not known before an account is connected")
        name = self._market.asset(symbol).name
        oldest = int(now) // interval_s * interval_s - (WANTED - 1) * interval_s
        start = datetime.fromtimestamp(oldest, UTC)
        answer = in_turn(self._pacer, lambda: self._bars.bars(name, amount, unit, start))
        bars = mapping_of(answer, "the list of bars").get(name) or []
        return frame_of(_row(mapping_of(bar, "a bar")) for bar in list_of(bars, "bars"))


def _row(bar: Any) -> list[Any]:
    opened = moment_of(bar.get("t"), "time of a bar")
    return [int(opened.timestamp()), *(bar.get(name) for name in _VALUES)]
