"""Candles that can be trusted: committed, in order, complete in themselves, and recent.

What makes them unusable is an :class:`InvalidCandles`; what a strategy can live with is a note.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import inf, isfinite
from operator import attrgetter
from typing import Any

import pandas as pd

from bot.domain.instruments import split_symbol
from bot.domain.money import to_decimal
from bot.trading_strategy.history import COLUMNS, Gap, History, Indicator, InvalidCandles, checked

__all__ = ["Candles", "Gap", "InvalidCandles"]

_after = attrgetter("after")


class Candles:
    """The committed candles of one symbol, oldest first, checked when they are made; never changed.

    Args:
        symbol: canonical, ``BTC-USD``.
        interval_s: length of a candle, seconds.
        frame: columns open, high, low, close (quote) and volume (base), in any number type, as text too, with ``time``
            (unix seconds of the opening) as a column or as the index, and with other columns, which are left out.
        now: unix seconds, by the caller's clock.
        late_after_intervals: a feed is frozen when its last candle closed more than this many intervals ago.

    Raises:
        InvalidCandles: no committed candle; a missing column; a value that is no finite number; a price not above
            zero; a high or low that the other prices contradict; a negative volume; times that are repeated, not
            ascending, off the interval's grid or after ``now``; a frozen feed.
        InvalidAmount: the symbol is not canonical.
    """

    __slots__ = ("_count", "_history", "_interval_s", "_now", "_symbol")

    def __init__(self, symbol: str, interval_s: int, frame: Any, now: float, late_after_intervals: float = 2.0) -> None:
        split_symbol(symbol)
        if interval_s <= 0:
            raise InvalidCandles(f"{symbol}: interval_s must be above zero, was {interval_s}")
        if not isfinite(now):
            raise InvalidCandles(f"{symbol}: now must be a finite number, was {now}")
        if not 1 <= late_after_intervals < inf:
            raise InvalidCandles(f"{symbol}: late_after_intervals must be at least 1, was {late_after_intervals}")
        self._hold(symbol, interval_s, checked(symbol, interval_s, frame, now), now)
        age, limit = now - self.closed_at, late_after_intervals * interval_s
        if age > limit:
            fault = f"the last committed candle closed {age:.0f} s ago, more than {limit:.0f} s"
            raise InvalidCandles(f"{symbol}: the feed is frozen: {fault}")

    @classmethod
    def from_rows(
        cls, symbol: str, interval_s: int, rows: Iterable[Sequence[Any]], now: float, late_after_intervals: float = 2.0
    ) -> Candles:
        """Candles of rows ``(time, open, high, low, close, volume)``, numbers or text.

        Raises:
            InvalidCandles: as for the class, and a row that has not six values.
        """
        listed = list(rows)
        for number, row in enumerate(listed):
            if len(row) != len(COLUMNS):
                raise InvalidCandles(f"{symbol}: row {number} of the candles has {len(row)} values, not {len(COLUMNS)}")
        # object: a column of text must not become anything else before it is checked
        frame = pd.DataFrame(listed, columns=list(COLUMNS), dtype=object)
        return cls(symbol, interval_s, frame, now, late_after_intervals)

    def until(self, count: int) -> Candles:
        """The first ``count`` of them, as they stood at the moment when the last of these closed.

        Shares what is checked and computed already, so that every candle of a long history can have its turn.

        Raises:
            IndexError: there are not so many, or none is asked for.
        """
        if not 1 <= count <= self._count:
            raise IndexError(f"{self._symbol}: {count} of {self._count} candles")
        view = object.__new__(Candles)
        view._hold(self._symbol, self._interval_s, self._history, self._history.times[count - 1] + self._interval_s)
        view._count = count
        return view

    def _hold(self, symbol: str, interval_s: int, history: History, now: float) -> None:
        self._symbol = symbol
        self._interval_s = interval_s
        self._history = history
        self._now = now
        self._count = len(history.times)

    def __len__(self) -> int:
        return self._count

    @property
    def symbol(self) -> str:
        """Canonical, ``BTC-USD``."""
        return self._symbol

    @property
    def interval_s(self) -> int:
        """Length of a candle, seconds."""
        return self._interval_s

    @property
    def now(self) -> float:
        """Unix seconds, by the clock of whoever made them."""
        return self._now

    @property
    def frame(self) -> Any:
        """Columns open, high, low, close and volume, float64, by ``time``, int64; forming candles are left out."""
        return self._history.frame.iloc[: self._count]

    @property
    def times(self) -> Sequence[int]:
        """The openings, unix seconds."""
        return self._history.times[: self._count]

    @property
    def close(self) -> Any:
        """The closing prices: a float64 Series by time."""
        return self.frame["close"]

    @property
    def closes(self) -> Any:
        """The closing prices: a float64 array, as :meth:`indicator` answers."""
        return self._history.closes[: self._count]

    def indicator(self, function: Indicator, period: int) -> Any:
        """An indicator of the closing prices: a float64 array, one value a candle, NaN where there is none yet.

        Args:
            function: one of :mod:`bot.trading_strategy.indicators`, or another whose values do not depend on later
                prices: it is computed once for all the candles that a view was cut from.
        """
        return self._history.indicator(function, period)[: self._count]

    @property
    def last_close(self) -> Decimal:
        """The last closing price, quote per base, exactly as the venue wrote it."""
        return to_decimal(float(self._history.closes[self._count - 1]), "close")

    @property
    def last_time(self) -> int:
        """Opening of the last committed candle, unix seconds."""
        return self._history.times[self._count - 1]

    @property
    def closed_at(self) -> int:
        """Closing of the last committed candle, unix seconds."""
        return self.last_time + self._interval_s

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Missing candles. Some venues leave out those without a trade, some lose them: which one is not known."""
        return self._history.gaps[: self._gaps_before_last()]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out and what is missing, for people."""
        notes, gaps = [], self.gaps
        if self._count == len(self._history.times) and self._history.forming:
            notes.append(f"left out {self._history.forming} still forming")
        if gaps:
            missing = sum(gap.missing for gap in gaps)
            notes.append(f"{missing} missing in {len(gaps)} gaps, the last after {gaps[-1].after}")
        return tuple(notes)

    def gap_within(self, count: int) -> Gap | None:
        """The latest gap among the last ``count`` candles, or None."""
        number = self._gaps_before_last()
        if not number:
            return None
        latest = self._history.gaps[number - 1]
        return latest if latest.after >= self._history.times[self._count - min(count, self._count)] else None

    def count_until(self, time: float) -> int:
        """How many of them had closed by ``time`` (unix seconds)."""
        interval_s = self._interval_s
        return bisect_right(self._history.times, time, hi=self._count, key=lambda opening: opening + interval_s)

    def _gaps_before_last(self) -> int:
        return bisect_left(self._history.gaps, self.last_time, key=_after)
