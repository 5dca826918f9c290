"""Kraken's candles, by pykrakenapi over our own client."""

from __future__ import annotations

import warnings
from typing import Any

from pykrakenapi import KrakenAPI

from bot.brokers.candles import COLUMNS, frame_of, in_turn, length_of
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.limiter import Pacer

#: Seconds -> minutes (Kraken REST docs, Get OHLC Data).
_LENGTHS = {60 * minutes: minutes for minutes in (1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600)}
#: Where the columns stand in a row of the venue: its average price, and how many trades there were, are left out.
_PLACES = (0, 1, 2, 3, 4, 6)


class KrakenCandles:
    """Asks for candles.

    Args:
        client: asks the public methods; one of its own, so that no order's price waits for a long answer.
        market: knows the pairs.
        pacer: shared by everything that asks the public methods.
    """

    def __init__(self, client: KrakenClient, market: KrakenMarket, pacer: Pacer) -> None:
        self._client = client
        self._market = market
        self._pacer = pacer
        # pykrakenapi names minutes as later versions of pandas will not have it; the one that is pinned does.
        warnings.filterwarnings("ignore", "'T' is deprecated", FutureWarning)

    def candles(self, symbol: str, interval_s: int) -> Any:
        """Up to 720 candles, oldest first; the last one is still forming.

        Raises:
            InvalidAmount: the symbol is not listed, or there are no candles of this length.
            VenueError: they could not be had.
        """
        minutes = length_of(_LENGTHS, interval_s, "Kraken")
        self._market.ensure_loaded()
        name = self._market.pair(symbol).altname
        return in_turn(self._pacer, lambda: self._ask(name, minutes))

    def _ask(self, name: str, minutes: int) -> Any:
        asked = _Asked(self._client)
        try:
            # A new one each time: it would count its own questions, and refuse the second one of a second.
            frame, _ = KrakenAPI(asked, tier="None", retry=0, crl_sleep=0).get_ohlc_data(name, minutes)
        except ValueError:
            # It takes no candles with a gap or a repetition, and does not say where it is: whoever checks them does.
            return asked.frame()
        return frame_of(()) if frame.empty else frame[::-1].reset_index(drop=True)[list(COLUMNS)]


class _Asked:
    """The one member of krakenex that pykrakenapi asks candles with; keeps what was answered."""

    def __init__(self, client: KrakenClient) -> None:
        self._client = client
        self._result: dict[str, Any] = {}

    def query_public(self, method: str, data: dict[str, Any]) -> dict[str, Any]:
        # pykrakenapi sends its own wish for an order along, which means nothing to the venue.
        fields = {name: data[name] for name in ("pair", "interval")}
        self._result = self._client.query_public(method, fields)
        return {"error": [], "result": self._result}

    def frame(self) -> Any:
        rows = next(rows for name, rows in self._result.items() if name != "last")
        return frame_of([row[place] for place in _PLACES] for row in rows)
