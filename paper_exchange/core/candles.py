"""Candles: a history made from a seed, and the minutes since the start made from trades."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from paper_exchange.core.clock import MarketTime
from paper_exchange.core.instruments import Instrument

MINUTE = 60
QUARTER = 900
DAY = 86_400
ROWS = 720
KEPT_MINUTES = 50_000
_OCTAVES = 10
_VOLATILITY_PER_ROOT_SECOND = 0.00006
_MASK = (1 << 64) - 1


@dataclass(slots=True)
class Candle:
    """One interval: `time` is its start in unix seconds, `volume` in base, `cost` in quote, `count` in trades."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    count: int = 0

    def add(self, later: Candle) -> None:
        """Takes in a candle that follows this one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.cost += later.cost
        self.count += later.count


History = Callable[[int, int, int], list[Candle]]
"""(interval in seconds, unix second of the first live minute, rows) -> candles that end there, the last cut short."""


def merge(candles: Iterable[Candle], interval_s: int) -> list[Candle]:
    """Joins candles in order of time into longer ones; the input is left alone."""
    rows: list[Candle] = []
    for candle in candles:
        start = candle.time - candle.time % interval_s
        if rows and rows[-1].time == start:
            rows[-1].add(candle)
        else:
            rows.append(
                Candle(
                    start, candle.open, candle.high, candle.low, candle.close, candle.volume, candle.cost, candle.count
                )
            )
    return rows


class Candles(Protocol):
    """All candles of one symbol, of any interval, up to the one that is still forming.

    `now` is always a unix time of the exchange's clock, `since` and the times of candles are in market time.
    """

    def add_price(self, now: float, price: Decimal, volume: Decimal) -> None:
        """Takes in one trade; `volume` in base."""

    def rows(self, interval_s: int, now: float) -> list[Candle]:
        """At most 720 candles without gaps, oldest first; what nobody traded in is flat."""

    def traded(self, interval_s: int, now: float, since: float) -> list[Candle]:
        """The candles that begin at `since` or later, oldest first, as a venue shows them that leaves gaps open."""

    def last_day(self, now: float) -> Candle:
        """The last 24 hours, to the quarter of an hour, as one candle."""

    def today(self, now: float) -> Candle:
        """Everything since midnight UTC as one candle."""


class CandleSeries:
    """Candles of a history and of the trades since the start."""

    def __init__(self, history: History, time: MarketTime) -> None:
        self._history = history
        self._time = time
        self._first_minute = int(time.began_at) - int(time.began_at) % MINUTE
        self._past: dict[int, list[Candle]] = {}
        self._last_day: list[Candle] | None = None
        self.minutes: deque[Candle] = deque(maxlen=KEPT_MINUTES)

    def add_price(self, now: float, price: Decimal, volume: Decimal) -> None:
        """Takes in one trade, of the first live minute at the earliest; `volume` in base."""
        moment = int(self._time.at(now))
        start = max(moment - moment % MINUTE, self._first_minute)
        last = self.minutes[-1] if self.minutes else None
        trade = Candle(start, price, price, price, price, volume, price * volume, 1)
        if last is not None and start <= last.time:
            last.add(trade)
        else:
            self.minutes.append(trade)

    def rows(self, interval_s: int, now: float) -> list[Candle]:
        """At most 720 candles without gaps, oldest first; the last one is still forming."""
        past = self._past.get(interval_s)
        if past is None:
            past = self._past[interval_s] = self._history(interval_s, self._first_minute, ROWS)
        return without_gaps(merge([*past, *self.minutes], interval_s), interval_s, self._time.at(now))

    def traded(self, interval_s: int, now: float, since: float) -> list[Candle]:
        """The same from a unix time on: a simulated market always trades."""
        return [row for row in self.rows(interval_s, now) if row.time >= since]

    def last_day(self, now: float) -> Candle:
        """The last 24 hours, to the quarter of an hour, as one candle."""
        return self._since(self._time.at(now) - DAY)

    def today(self, now: float) -> Candle:
        """Everything since midnight UTC as one candle."""
        moment = self._time.at(now)
        return self._since(moment - moment % DAY)

    def _since(self, since: float) -> Candle:
        if self._last_day is None:
            self._last_day = self._history(QUARTER, self._first_minute, DAY // QUARTER + 1)
        candles = [row for row in (*self._last_day, *self.minutes) if row.time > since - QUARTER]
        return as_one(candles or [self.minutes[-1]])


def as_one(candles: list[Candle]) -> Candle:
    """Candles in order of time, at least one, as one."""
    return merge(candles, candles[-1].time + 1)[0]


def without_gaps(rows: list[Candle], interval_s: int, moment: float) -> list[Candle]:
    """The last 720 candles up to a market time, with flat ones where there was none."""
    filled: list[Candle] = []
    for row in rows[-ROWS:]:
        if filled:
            filled.extend(_flat(filled[-1], row.time, interval_s))
        filled.append(row)
    if filled:
        filled.extend(_flat(filled[-1], int(moment) + 1, interval_s))
    return filled[-ROWS:]


def _flat(last: Candle, end: int, interval_s: int) -> list[Candle]:
    close, missing = last.close, range(last.time + interval_s, end, interval_s)
    return [Candle(start, close, close, close, close) for start in missing[-ROWS:]]


class SeededHistory:
    """A past for one symbol that ends at its first price.

    The logarithm of the price is a sum of noises of ever longer periods, each a function of seed and absolute time, so
    that all intervals show the same past and a later start with the same seed sees the same movements.
    """

    def __init__(self, seed: int, instrument: Instrument, last_price: Decimal) -> None:
        self._instrument = instrument
        self._last_price = last_price
        self._salt = _mix(seed ^ int.from_bytes(instrument.symbol.encode()[:8], "big"))

    def __call__(self, interval_s: int, end: int, rows: int) -> list[Candle]:
        first = end - 1 - (end - 1) % interval_s - (rows - 1) * interval_s
        starts = [*range(first, end, interval_s), end]
        nodes: dict[tuple[int, int], float] = {}
        anchor = self._level(end, nodes)
        # Noise has no unit: floats are fine here, and every price becomes a Decimal on the instrument's step.
        closes = [float(self._last_price) * math.exp(self._level(start, nodes) - anchor) for start in starts]
        return [
            self._candle(start, closes[at], closes[at + 1], starts[at + 1] - start)
            for at, start in enumerate(starts[:-1])
        ]

    def _candle(self, start: int, opening: float, closing: float, length_s: int) -> Candle:
        wick = _VOLATILITY_PER_ROOT_SECOND * math.sqrt(length_s) / 2
        up, down = self._noise(start, 101) + 1, self._noise(start, 102) + 1
        to_price = self._instrument.round_price
        first, last = to_price(Decimal(opening)), to_price(Decimal(closing))
        high = max(first, last, to_price(Decimal(max(opening, closing) * (1 + wick * up))))
        low = min(first, last, to_price(Decimal(min(opening, closing) * (1 - wick * down))))
        count = 1 + int((self._noise(start, 103) + 1) * length_s / 8)
        volume = self._instrument.round_size_down(
            self._instrument.minimum_size * count * Decimal(12 + 10 * self._noise(start, 104))
        )
        return Candle(start, first, high, low, last, volume, volume * (high + low + last) / 3, count)

    def _level(self, second: int, nodes: dict[tuple[int, int], float]) -> float:
        total = 0.0
        for octave in range(_OCTAVES):
            period = MINUTE * 4**octave
            index, rest = divmod(second, period)
            value = self._node(index, octave, nodes)
            if rest:
                value += (self._node(index + 1, octave, nodes) - value) * rest / period
            total += value * math.sqrt(period)
        return total * _VOLATILITY_PER_ROOT_SECOND

    def _node(self, index: int, octave: int, nodes: dict[tuple[int, int], float]) -> float:
        value = nodes.get((index, octave))
        if value is None:
            value = nodes[index, octave] = self._noise(index, octave)
        return value

    def _noise(self, index: int, channel: int) -> float:
        return _mix(self._salt + index * 131 + channel * 0x9E3779B97F4A7C15) / (1 << 63) - 1.0


def _mix(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
