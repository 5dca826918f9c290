"""Coinbase's candles, asked without a key."""

from __future__ import annotations

from functools import partial
from typing import Any

from bot.brokers.answers import list_of, mapping_of, whole_of
from bot.brokers.candles import WANTED, frame_of, in_turn, length_of
from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.limiter import Pacer

#: Seconds -> name (Coinbase Advanced Trade docs, Get Public Product Candles).
_LENGTHS = {
    60: "ONE_MINUTE",
    300: "FIVE_MINUTE",
    900: "FIFTEEN_MINUTE",
    1_800: "THIRTY_MINUTE",
    3_600: "ONE_HOUR",
    7_200: "TWO_HOUR",
    14_400: "FOUR_HOUR",
    21_600: "SIX_HOUR",
    86_400: "ONE_DAY",
}
#: Candles in one question; 350 are refused.
_PAGE = 349
_VALUES = ("open", "high", "low", "close", "volume")


class CoinbaseCandles:
    """Asks for candles.

    Args:
        client: asks the public endpoints; one of its own, so that no order's price waits for a long answer.
        market: knows the products.
        pacer: shared by everything that asks the public endpoints.
    """

    def __init__(self, client: CoinbaseClient, market: CoinbaseMarket, pacer: Pacer) -> None:
        self._client = client
        self._market = market
        self._pacer = pacer

    def candles(self, symbol: str, interval_s: int, now: float) -> Any:
        """About 720 candles up to the one that is forming; where nothing was traded the venue has none.

        Raises:
            InvalidAmount: the symbol is not listed, or there are no candles of this length.
            VenueError: they could not be had.
        """
        granularity = length_of(_LENGTHS, interval_s, "Coinbase")
        self._market.ensure_loaded()
        path = f"/market/products/{self._market.product(symbol).product_id}/candles"
        newest = int(now) // interval_s * interval_s
        oldest = newest - (WANTED - 1) * interval_s
        rows: list[list[Any]] = []
        while newest >= oldest:
            first = max(oldest, newest - (_PAGE - 1) * interval_s)
            # The end is a second before the next one opens: whether it is counted in does not matter then.
            span = {"start": str(first), "end": str(newest + interval_s - 1), "granularity": granularity}
            page = in_turn(self._pacer, partial(self._page, path, span))
            if not page:
                break
            rows += page
            newest = first - interval_s
        return frame_of(reversed(rows))

    def _page(self, path: str, span: dict[str, str]) -> list[list[Any]]:
        candles = list_of(self._client.get_public(path, span).get("candles"), "candles")
        return [_row(mapping_of(candle, "a candle")) for candle in candles]


def _row(candle: Any) -> list[Any]:
    return [whole_of(candle.get("start"), "start of a candle"), *(candle.get(name) for name in _VALUES)]
