"""Where prices come from: a seeded random walk, nowhere (they stay), or a file of candles."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from paper_exchange.core.candles import MINUTE, ROWS, Candle, History, SeededHistory, merge
from paper_exchange.core.instruments import Instrument

_WALK_PER_ROOT_SECOND = 0.00004
_LONGEST_STEP_S = 60.0


class PriceSource(Protocol):
    """Says how prices move; the market decides what to do with it."""

    def first_price(self, symbol: str) -> Decimal:
        """The price at the start."""

    def history(self, instrument: Instrument) -> History:
        """What came before the start."""

    def step(self, now: float, current: Mapping[str, Decimal]) -> Iterable[tuple[str, Decimal]]:
        """New prices at a unix time, given the present ones; symbols that stay are left out."""


class FixedPrices:
    """Prices that move only when somebody sets them; the stub of the price sources."""

    def __init__(self, seed: int, start_prices: Mapping[str, Decimal]) -> None:
        self._seed = seed
        self._start_prices = start_prices

    def first_price(self, symbol: str) -> Decimal:
        """The price at the start."""
        return self._start_prices[symbol]

    def history(self, instrument: Instrument) -> History:
        """A seeded past that ends at the first price."""
        return SeededHistory(self._seed, instrument, self.first_price(instrument.symbol))

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


class ReplayPrices(FixedPrices):
    """Candles from a CSV file (time,open,high,low,close,volume[,symbol]), moved in time so that they meet the present.

    The first half of a symbol's rows, at most 720, becomes its history; the rest is played at `speed` seconds of the
    file per second, each candle as open, low, high, close. Symbols that are not in the file stay where they are.
    """

    def __init__(self, path: Path, speed: float, fallback: FixedPrices, now: float, default_symbol: str) -> None:
        self._fallback = fallback
        self._speed = speed
        self._started_at = now
        self._rows = _read_candles(path, default_symbol)
        self._split = {symbol: min(ROWS, len(rows) // 2) for symbol, rows in self._rows.items()}

    def first_price(self, symbol: str) -> Decimal:
        """The price at the start."""
        if symbol not in self._rows:
            return self._fallback.first_price(symbol)
        return self._rows[symbol][self._split[symbol]].open

    def history(self, instrument: Instrument) -> History:
        """The rows before the start, moved so that they end with the first live minute."""
        symbol = instrument.symbol
        if symbol not in self._rows:
            return self._fallback.history(instrument)
        past, live_from = self._rows[symbol][: self._split[symbol]], self._rows[symbol][self._split[symbol]].time

        def history(interval_s: int, end: int, rows: int) -> list[Candle]:
            shift = end - live_from
            moved = (
                Candle(row.time + shift, row.open, row.high, row.low, row.close, row.volume, row.cost, row.count)
                for row in past
            )
            return merge(moved, interval_s)[-rows:]

        return history

    def step(self, now: float, current: Mapping[str, Decimal]) -> Iterable[tuple[str, Decimal]]:
        """Where the file stands now; after its last row prices stay."""
        position = (now - self._started_at) * self._speed
        return [(symbol, self._price_at(symbol, position)) for symbol in self._rows if symbol in current]

    def _price_at(self, symbol: str, position: float) -> Decimal:
        rows, split = self._rows[symbol], self._split[symbol]
        length = max(rows[1].time - rows[0].time, 1) if len(rows) > 1 else MINUTE
        index, rest = divmod(position, length)
        row = rows[min(split + int(index), len(rows) - 1)]
        if split + int(index) >= len(rows):
            return row.close
        return (row.open, row.low, row.high, row.close)[min(int(4 * rest / length), 3)]


def _read_candles(path: Path, default_symbol: str) -> dict[str, list[Candle]]:
    found: dict[str, list[Candle]] = {}
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                candle = _candle(row)
            except (KeyError, ArithmeticError, ValueError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: not a candle (time,open,high,low,close,volume)") from error
            found.setdefault(row.get("symbol") or default_symbol, []).append(candle)
    if not found:
        raise ValueError(f"{path}: no candles")
    for rows in found.values():
        rows.sort(key=lambda row: row.time)
    return found


def _candle(row: Mapping[str, str]) -> Candle:
    high, low, close, volume = (Decimal(row[name]) for name in ("high", "low", "close", "volume"))
    return Candle(
        int(float(row["time"])), Decimal(row["open"]), high, low, close, volume, volume * (high + low + close) / 3, 1
    )
