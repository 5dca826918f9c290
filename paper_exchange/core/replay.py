"""A file of candles, played in market time: what has not happened by then is not seen."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from paper_exchange.core.candle_files import TRADES_OF_ROW, CandleRows
from paper_exchange.core.candles import DAY, MINUTE, QUARTER, ROWS, Candle, as_one, merge, without_gaps
from paper_exchange.core.clock import MarketTime

_LONGEST_STEP_S = 1.0
_SHORTEST_STEP_S = 0.01
# Shifts that keep the boundaries of ever fewer intervals, for files too short for whole days.
_SHORTER_SHIFTS_S = (14_400, 3600, 30 * MINUTE, QUARTER, 5 * MINUTE)


class ReplayedCandles:
    """The candles of one symbol of a file; each is four trades of a quarter of its volume, at equal distances.

    These are at its open, its low, its high (the other way round when it falls) and its close. Of a candle that is
    still forming those trades are seen that have happened. Whatever else is traded changes nothing.
    """

    def __init__(self, rows: Sequence[Candle], interval_s: int, time: MarketTime) -> None:
        """`rows`: at least one, in market time, oldest first."""
        self._rows = rows
        self._interval_s = interval_s
        self._time = time
        self._starts = [row.time for row in rows]
        self._merged: dict[int, tuple[list[int], list[Candle]]] = {}

    def add_price(self, now: float, price: Decimal, volume: Decimal) -> None:
        """Changes nothing."""

    def rows(self, interval_s: int, now: float) -> list[Candle]:
        """At most 720 candles without gaps, oldest first; nothing comes after the end of the file."""
        last_second = self._starts[-1] + self._interval_s - 1
        return without_gaps(self._until(interval_s, now), interval_s, min(self._moment(now), last_second))

    def traded(self, interval_s: int, now: float, since: float) -> list[Candle]:
        """The candles of the file that begin at `since` or later; its gaps stay gaps."""
        return self._until(interval_s, now, since)

    def last_day(self, now: float) -> Candle:
        """The last 24 hours, to the quarter of an hour, as one candle."""
        return self._since(now, self._moment(now) - DAY)

    def today(self, now: float) -> Candle:
        """Everything since midnight UTC as one candle."""
        moment = self._moment(now)
        return self._since(now, moment - moment % DAY)

    def count_trades(self, now: float) -> int:
        """How many trades of the file have happened by a unix time of the exchange's clock, at least one."""
        index, moment = self._index(now), self._moment(now)
        return index * TRADES_OF_ROW + self._happened(self._rows[index], moment)

    def price(self, number: int) -> Decimal:
        """The price of a trade, by its number from 1."""
        index, turn = divmod(number - 1, TRADES_OF_ROW)
        return _path(self._rows[index])[turn]

    def _moment(self, now: float) -> float:
        # A clock that is set back does not unmake the past.
        return max(self._time.at(now), self._time.began_at)

    def _index(self, now: float) -> int:
        return max(bisect_right(self._starts, self._moment(now)) - 1, 0)

    def _happened(self, row: Candle, moment: float) -> int:
        passed = int(TRADES_OF_ROW * (moment - row.time) / self._interval_s)
        return min(max(passed, 0) + 1, TRADES_OF_ROW)

    def _trades(self, row: Candle, moment: float) -> Iterator[Candle]:
        volume, count = row.volume / TRADES_OF_ROW, row.count // TRADES_OF_ROW
        for turn, price in enumerate(_path(row)[: self._happened(row, moment)]):
            start = row.time + self._interval_s * turn // TRADES_OF_ROW
            yield Candle(start, price, price, price, price, volume, price * volume, count)

    def _until(self, interval_s: int, now: float, since: float = -math.inf) -> list[Candle]:
        moment = self._moment(now)
        forming_from = int(moment) - int(moment) % interval_s
        starts, candles = self._all(interval_s)
        closed = candles[bisect_left(starts, since) : bisect_left(starts, forming_from)]
        forming = [row for row in self._forming(interval_s, forming_from, moment) if row.time >= since]
        return [*closed, *forming]

    def _all(self, interval_s: int) -> tuple[list[int], list[Candle]]:
        """All candles of the file, in this interval, and when they begin."""
        found = self._merged.get(interval_s)
        if found is None:
            parts: Sequence[Candle] = self._rows
            if interval_s % self._interval_s:
                parts = [trade for row in self._rows for trade in self._trades(row, row.time + self._interval_s)]
            candles = merge(parts, interval_s)
            found = self._merged[interval_s] = [row.time for row in candles], candles
        return found

    def _forming(self, interval_s: int, start: int, moment: float) -> list[Candle]:
        # A row that began before `start` reaches into the forming candle where that is shorter than the file's.
        first = bisect_right(self._starts, start - self._interval_s)
        parts: list[Candle] = []
        for row in self._rows[first : bisect_right(self._starts, moment)]:
            if row.time >= start and row.time + self._interval_s <= moment:
                parts.append(row)
            else:
                parts.extend(trade for trade in self._trades(row, moment) if trade.time >= start)
        return merge(parts, interval_s)

    def _since(self, now: float, since: float) -> Candle:
        found = [row for row in self._until(QUARTER, now, since - QUARTER) if row.time > since - QUARTER]
        if found:
            return as_one(found)
        close = self.price(self.count_trades(now))
        return Candle(int(since), close, close, close, close)


class Replay:
    """All candles of a file, moved in time so that they meet the present; shared by all venues.

    The first half of the longest symbol's rows, at most 720, is history; the rest is played at `speed` seconds of the
    file a second, each symbol from its own first row on at the earliest. All times are moved by one number of seconds,
    whole days (more where the file's interval does not divide a day), so that candles of all intervals up to a day
    merge as they do in the file. Then the market begins less than a day ahead of the exchange's clock. At a speed of
    one market time is the exchange's time: instead of the market the start in the file is moved on by less than a day;
    files too short for that are moved by whole hours, or less.
    """

    def __init__(self, found: Mapping[str, CandleRows], speed: float, now: float) -> None:
        """`found`: the rows of each symbol, at least one of them; `now`: unix time of the exchange's clock."""
        first, ends = _first_live(found), max(one.rows[-1].time + one.interval_s for one in found.values())
        grid = math.lcm(*(one.interval_s for one in found.values()))
        if speed == 1:
            whole = _longest_shift(grid, ends - first)
            shift = whole * math.floor((now - first) / whole)
            began_at = now
        else:
            whole = math.lcm(grid, DAY)
            shift = whole * math.ceil((now - first) / whole)
            began_at = float(first + shift)
        self.time = MarketTime(now, began_at, speed, shift, float(ends + shift))
        self.candles = {symbol: self._moved(one) for symbol, one in found.items()}
        shortest = min(one.interval_s for one in found.values())
        #: Seconds between two prices, at least 0.01 and at most 1: each trade of the file gets its turn if it can.
        self.step_s = min(max(shortest / TRADES_OF_ROW / speed, _SHORTEST_STEP_S), _LONGEST_STEP_S)

    def _moved(self, found: CandleRows) -> ReplayedCandles:
        shift = self.time.shift
        rows = [
            Candle(row.time + shift, row.open, row.high, row.low, row.close, row.volume, row.cost, row.count)
            for row in found.rows
        ]
        return ReplayedCandles(rows, found.interval_s, self.time)


def _first_live(found: Mapping[str, CandleRows]) -> int:
    longest = max(found.values(), key=lambda one: len(one.rows)).rows
    return max(longest[min(ROWS, len(longest) // 2)].time, *(one.rows[0].time for one in found.values()))


def _longest_shift(grid: int, live_s: int) -> int:
    # The start in the file moves on by less than this; at least half of what is to be played shall remain.
    lengths = (math.lcm(grid, DAY), *(length for length in _SHORTER_SHIFTS_S if length % grid == 0))
    return next((length for length in lengths if 2 * length <= live_s), grid)


def _path(row: Candle) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    turns = (row.low, row.high) if row.close >= row.open else (row.high, row.low)
    return row.open, *turns, row.close
