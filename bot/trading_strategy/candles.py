"""Candles that can be trusted: committed, in order, complete in themselves, and recent.

What makes them unusable is an :class:`InvalidCandles`; what a strategy can live with is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf, isfinite
from typing import Any

import pandas as pd

from bot.domain.errors import NijaError
from bot.domain.instruments import split_symbol
from bot.domain.money import to_decimal

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")
_ROW = ("time", *_VALUES)


class InvalidCandles(NijaError, ValueError):
    """Candles that nothing may be decided on; the text names the symbol, the candle and its fault."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles that are missing: ``missing`` of them after the one that opened at ``after`` (unix seconds)."""

    after: int
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """The committed candles of one symbol, oldest first, checked when they are made.

    Attributes:
        symbol: canonical, ``BTC-USD``.
        interval_s: length of a candle, seconds.
        frame: columns open, high, low, close (quote) and volume (base), float64, by ``time``: unix seconds of the
            opening, int64. Given in any number type, as text too, with ``time`` as a column or as the index, and with
            other columns, which are left out; kept as a copy without the candles that are still forming.
        now: unix seconds, by the caller's clock.
        late_after_intervals: a feed is frozen when its last candle closed more than this many intervals ago.
        gaps: missing candles. Some venues leave out candles without a trade, some lose them: which one is not known.
        notes: what was left out and what is missing, for people.

    Raises:
        InvalidCandles: no committed candle; a missing column; a value that is no finite number; a price not above
            zero; a high or low that the other prices contradict; a negative volume; times that are repeated, not
            ascending, off the interval's grid or after ``now``; a frozen feed.
        InvalidAmount: the symbol is not canonical.
    """

    symbol: str
    interval_s: int
    frame: Any
    now: float
    late_after_intervals: float = 2.0
    gaps: tuple[Gap, ...] = field(init=False, default=())
    notes: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        split_symbol(self.symbol)
        if self.interval_s <= 0:
            raise self._invalid(f"interval_s must be above zero, was {self.interval_s}")
        if not isfinite(self.now):
            raise self._invalid(f"now must be a finite number, was {self.now}")
        if not 1 <= self.late_after_intervals < inf:
            raise self._invalid(f"late_after_intervals must be at least 1, was {self.late_after_intervals}")
        frame = self._timed(self.frame)
        self._check_order(frame.index)
        committed = self._numbers(frame[frame.index + self.interval_s <= self.now])
        if committed.empty:
            raise self._invalid("there is no committed candle")
        self._check_values(committed)
        object.__setattr__(self, "frame", committed)
        self._check_age()
        object.__setattr__(self, "gaps", self._find_gaps())
        object.__setattr__(self, "notes", self._make_notes(len(frame) - len(committed)))

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
            if len(row) != len(_ROW):
                raise InvalidCandles(f"{symbol}: row {number} of the candles has {len(row)} values, not {len(_ROW)}")
        # object: a column of text must not become anything else before it is checked
        return cls(
            symbol, interval_s, pd.DataFrame(listed, columns=list(_ROW), dtype=object), now, late_after_intervals
        )

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def close(self) -> Any:
        """The closing prices: a float64 Series by time."""
        return self.frame["close"]

    @property
    def last_close(self) -> Decimal:
        """The last closing price, quote per base, exactly as the venue wrote it."""
        return to_decimal(float(self.close.iloc[-1]), "close")

    @property
    def last_time(self) -> int:
        """Opening of the last committed candle, unix seconds."""
        return int(self.frame.index[-1])

    @property
    def closed_at(self) -> int:
        """Closing of the last committed candle, unix seconds."""
        return self.last_time + self.interval_s

    def gap_within(self, count: int) -> Gap | None:
        """The latest gap among the last ``count`` candles, or None."""
        first = int(self.frame.index[-min(count, len(self))])
        return next((gap for gap in reversed(self.gaps) if gap.after >= first), None)

    def _timed(self, frame: Any) -> Any:
        if "time" in frame.columns:
            frame = frame.set_index("time")
        missing = [name for name in _VALUES if name not in frame.columns]
        if frame.index.name != "time" or missing:
            raise self._invalid(f"no column {', '.join(missing) or 'time'}")
        frame = frame[list(_VALUES)]
        times = self._as_numbers(pd.Series(frame.index, dtype=object), "time")
        odd = times[times % 1 != 0]
        if not odd.empty:
            raise self._invalid(f"time must be whole unix seconds, was {odd.iloc[0]}")
        return frame.set_axis(pd.Index(times.astype("int64"), name="time"), axis=0)

    def _numbers(self, frame: Any) -> Any:
        columns = {name: self._as_numbers(frame[name], name) for name in _VALUES}
        return pd.DataFrame(columns, index=frame.index)

    def _as_numbers(self, values: Any, name: str) -> Any:
        numbers = pd.to_numeric(values.map(_as_float), errors="coerce").astype("float64")
        bad = values[~(numbers.abs() < inf)]
        if not bad.empty:
            where = "" if name == "time" else f" of the candle at {bad.index[0]}"
            raise self._invalid(f"{name}{where} is no finite number, was {bad.iloc[0]!r}")
        return numbers

    def _check_order(self, times: Any) -> None:
        steps = times.to_series().diff()
        for wrong, fault in (
            (steps == 0, "is there twice"),
            (steps < 0, "is older than the one before it"),
            (steps % self.interval_s > 0, f"is not a multiple of {self.interval_s} s after the one before it"),
            (times > self.now + self.interval_s, f"is after now ({self.now:.0f}): the clock or the feed is wrong"),
        ):
            if wrong.any():
                raise self._invalid(f"the candle at {times[wrong][0]} {fault}")

    def _check_values(self, frame: Any) -> None:
        prices = frame[list(_PRICES)]
        for wrong, fault in (
            ((prices <= 0).any(axis=1), "has a price that is not above zero"),
            (frame["high"] < prices.max(axis=1), "has a high below another of its prices"),
            (frame["low"] > prices.min(axis=1), "has a low above another of its prices"),
            (frame["volume"] < 0, "has a negative volume"),
        ):
            if wrong.any():
                raise self._invalid(f"the candle at {frame.index[wrong][0]} {fault}")

    def _check_age(self) -> None:
        age, limit = self.now - self.closed_at, self.late_after_intervals * self.interval_s
        if age > limit:
            raise self._invalid(
                f"the feed is frozen: the last committed candle closed {age:.0f} s ago, more than {limit:.0f} s"
            )

    def _find_gaps(self) -> tuple[Gap, ...]:
        steps = self.frame.index.to_series().diff()
        wide = steps[steps > self.interval_s]
        return tuple(Gap(int(time - step), int(step) // self.interval_s - 1) for time, step in wide.items())

    def _make_notes(self, forming: int) -> tuple[str, ...]:
        notes = []
        if forming:
            notes.append(f"left out {forming} still forming")
        if self.gaps:
            missing = sum(gap.missing for gap in self.gaps)
            notes.append(f"{missing} missing in {len(self.gaps)} gaps, the last after {self.gaps[-1].after}")
        return tuple(notes)

    def _invalid(self, fault: str) -> InvalidCandles:
        return InvalidCandles(f"{self.symbol}: {fault}")


def _as_float(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
