"""Where prices come from: a seeded random walk, nowhere (they stay), or a file of candles."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Protocol

from paper_exchange.core.candles import Candles, CandleSeries, SeededHistory
from paper_exchange.core.clock import MarketTime
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.replay import Replay

_WALK_PER_ROOT_SECOND = 0.00004
_LONGEST_STEP_S = 60.0
_MOST_TRADES_OF_STEP = 400


class PriceSource(Protocol):
    """Says how prices move; the market decides what to do with it."""

    def first_price(self, symbol: str) -> Decimal:
        """The price at the start."""

    def market_time(self, now: float) -> MarketTime:
        """The time that candles live in, given the unix time of the start by the exchange's clock."""

    def candles(self, instrument: Instrument, time: MarketTime) -> Candles:
        """The candles of a market, with what came before the start."""

    def step(self, now: float, current: Mapping[str, Decimal]) -> Iterable[tuple[str, Decimal]]:
        """New prices at a unix time, given the present ones, one after the other; symbols that stay are left out."""


class FixedPrices:
    """Prices that move only when somebody sets them; the stub of the price sources."""

    def __init__(self, seed: int, start_prices: Mapping[str, Decimal]) -> None:
        self._seed = seed
        self._start_prices = start_prices

    def first_price(self, symbol: str) -> Decimal:
        """The price at the start."""
        return self._start_prices[symbol]

    def market_time(self, now: float) -> MarketTime:
        """The exchange's own."""
        return MarketTime.real(now)

    def candles(self, instrument: Instrument, time: MarketTime) -> Candles:
        """A seeded past that ends at the first price, and what is traded since."""
        return CandleSeries(SeededHistory(self._seed, instrument, self.first_price(instrument.symbol)), time)

    def step(self, now: float, current: Mapping[str, Decimal]) -> Iterable[tuple[str, Decimal]]:
        """Nothing moves."""
        return ()


class WalkPrices(FixedPrices):
    """A random walk of the value of every asset; a pair moves as its base against its quote.

    So BTC-USD, BTC-USDT and ETH-BTC stay in line with each other, and a price that is set by hand walks on from there.
    """

    def __init__(
        self, seed: int, start_prices: Mapping[str, Decimal], now: float, instruments: Mapping[str, Instrument]
    ) -> None:
        super().__init__(seed, start_prices)
        self._instruments = instruments
        assets = sorted({asset for symbol in start_prices for asset in symbol.split("-")} - {"USD"})
        # A stream for each asset: what else a venue lists does not change how an asset walks.
        self._streams = {asset: random.Random(f"{seed}:{asset}") for asset in assets}
        self._exact: dict[str, tuple[Decimal, float]] = {}
        self._stepped_at = now

    def step(self, now: float, current: Mapping[str, Decimal]) -> Iterable[tuple[str, Decimal]]:
        """One move for the time since the last step."""
        passed = min(max(now - self._stepped_at, 0.0), _LONGEST_STEP_S)
        self._stepped_at = now
        spread = _WALK_PER_ROOT_SECOND * math.sqrt(passed)
        moves = {asset: stream.gauss(0.0, spread * _liveliness(asset)) for asset, stream in self._streams.items()}
        return [(symbol, self._moved(symbol, price, moves)) for symbol, price in current.items()]

    def _moved(self, symbol: str, price: Decimal, moves: Mapping[str, float]) -> Decimal:
        # Rounding to the price step must not eat moves smaller than a step, so the exact value is carried along; a
        # price that is not the one given last was set by hand, and the walk goes on from it.
        given, exact = self._exact.get(symbol, (price, float(price)))
        if given != price:
            exact = float(price)
        base, quote = symbol.split("-")
        exact *= math.exp(moves.get(base, 0.0) - moves.get(quote, 0.0))
        rounded = self._instruments[symbol].round_price(Decimal(exact))
        self._exact[symbol] = (rounded, exact)
        return rounded


def _liveliness(asset: str) -> float:
    return 0.05 if asset in {"USDT", "USDC", "EUR"} else 1.0


class ReplayPrices:
    """Prices of a file that is played; symbols that are not in it stay where they are.

    A step tells every price that has come since the last one, so that resting orders meet each of them, or the last
    four hundred of a symbol.
    """

    def __init__(self, replay: Replay, fallback: FixedPrices) -> None:
        self._replay = replay
        self._fallback = fallback
        opened_at = replay.time.opened_at
        self._told = {symbol: candles.count_trades(opened_at) for symbol, candles in replay.candles.items()}

    def first_price(self, symbol: str) -> Decimal:
        """The price at the start."""
        if symbol not in self._told:
            return self._fallback.first_price(symbol)
        return self._replay.candles[symbol].price(self._told[symbol])

    def market_time(self, now: float) -> MarketTime:
        """The file's, whenever the venue starts."""
        return self._replay.time

    def candles(self, instrument: Instrument, time: MarketTime) -> Candles:
        """Those of the file, or else a seeded past."""
        found = self._replay.candles.get(instrument.symbol)
        return self._fallback.candles(instrument, time) if found is None else found

    def step(self, now: float, current: Mapping[str, Decimal]) -> Iterator[tuple[str, Decimal]]:
        """What the file has traded since the last step; after its last row prices stay."""
        for symbol in self._told.keys() & current.keys():
            candles, told = self._replay.candles[symbol], self._told[symbol]
            happened = self._told[symbol] = max(candles.count_trades(now), told)
            for number in range(max(told, happened - _MOST_TRADES_OF_STEP) + 1, happened + 1):
                yield symbol, candles.price(number)
