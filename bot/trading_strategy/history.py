"""What is known of a symbol's candles once they are checked; every view of them shares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pandas as pd

from bot.domain.errors import NijaError

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")

#: What a row of candles is made of.
COLUMNS = ("time", *_VALUES)

#: A float64 Series of closing prices and a period in, a Series of the same length out.
Indicator = Callable[[Any, int], Any]


class InvalidCandles(NijaError, ValueError):
    """Candles that nothing may be decided on; the text names the symbol, the candle and its fault.

    Attributes:
        opening: unix seconds, of the candle at fault; None where it is none in particular.
    """

    def __init__(self, text: str, opening: int | None = None) -> None:
        super().__init__(text)
        self.opening = opening


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles that are missing: ``missing`` of them after the one that opened at ``after`` (unix seconds)."""

    after: int
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Checked candles, oldest first.

    Attributes:
        frame: columns open, high, low, close and volume, float64, by ``time``, int64.
        times: the openings, unix seconds.
        closes: the closing prices, a read-only float64 array.
        gaps: missing candles, oldest first.
        forming: how many candles were left out because they had not closed.
    """

    frame: Any
    times: list[int]
    closes: Any
    gaps: tuple[Gap, ...]
    forming: int
    _indicators: dict[tuple[Indicator, int], Any] = field(default_factory=dict)

    def indicator(self, function: Indicator, period: int) -> Any:
        """A read-only float64 array, one value a candle; computed once."""
        key = (function, period)
        found = self._indicators.get(key)
        if found is None:
            found = self._indicators[key] = _read_only(function(self.frame["close"], period))
        return found


def checked(symbol: str, interval_s: int, frame: Any, now: float) -> History:
    """The committed candles of a frame.

    Raises:
        InvalidCandles: as :class:`bot.trading_strategy.candles.Candles` has it.
    """
    timed = _timed(symbol, frame)
    _check_order(symbol, interval_s, timed.index, now)
    committed = _numbers(symbol, timed[timed.index + interval_s <= now])
    if committed.empty:
        raise InvalidCandles(f"{symbol}: there is no committed candle")
    _check_values(symbol, committed)
    return History(
        frame=committed,
        times=committed.index.tolist(),
        closes=_read_only(committed["close"]),
        gaps=_find_gaps(committed.index, interval_s),
        forming=len(timed) - len(committed),
    )


def _timed(symbol: str, frame: Any) -> Any:
    if "time" in frame.columns:
        frame = frame.set_index("time")
    missing = [name for name in _VALUES if name not in frame.columns]
    if frame.index.name != "time" or missing:
        raise InvalidCandles(f"{symbol}: no column {', '.join(missing) or 'time'}")
    frame = frame[list(_VALUES)]
    times = _as_numbers(symbol, pd.Series(frame.index, dtype=object), "time")
    odd = times[times % 1 != 0]
    if not odd.empty:
        raise InvalidCandles(f"{symbol}: time must be whole unix seconds, was {odd.iloc[0]}")
    return frame.set_axis(pd.Index(times.astype("int64"), name="time"), axis=0)


def _numbers(symbol: str, frame: Any) -> Any:
    return pd.DataFrame({name: _as_numbers(symbol, frame[name], name) for name in _VALUES}, index=frame.index)


def _as_numbers(symbol: str, values: Any, name: str) -> Any:
    numbers = pd.to_numeric(values.map(_as_float), errors="coerce").astype("float64")
    bad = values[~(numbers.abs() < inf)]
    if not bad.empty:
        opening = None if name == "time" else int(bad.index[0])
        where = "" if opening is None else f" of the candle at {opening}"
        raise InvalidCandles(f"{symbol}: {name}{where} is no finite number, was {bad.iloc[0]!r}", opening)
    return numbers


def _as_float(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _check_order(symbol: str, interval_s: int, times: Any, now: float) -> None:
    steps = times.to_series().diff()
    for wrong, fault in (
        (steps == 0, "is there twice"),
        (steps < 0, "is older than the one before it"),
        (steps % interval_s > 0, f"is not a multiple of {interval_s} s after the one before it"),
        (times > now + interval_s, f"is after now ({now:.0f}): the clock or the feed is wrong"),
    ):
        if wrong.any():
            opening = int(times[wrong][0])
            raise InvalidCandles(f"{symbol}: the candle at {opening} {fault}", opening)


def _check_values(symbol: str, frame: Any) -> None:
    prices = frame[list(_PRICES)]
    for wrong, fault in (
        ((prices <= 0).any(axis=1), "has a price that is not above zero"),
        (frame["high"] < prices.max(axis=1), "has a high below another of its prices"),
        (frame["low"] > prices.min(axis=1), "has a low above another of its prices"),
        (frame["volume"] < 0, "has a negative volume"),
    ):
        if wrong.any():
            opening = int(frame.index[wrong][0])
            raise InvalidCandles(f"{symbol}: the candle at {opening} {fault}", opening)


def _find_gaps(times: Any, interval_s: int) -> tuple[Gap, ...]:
    steps = times.to_series().diff()
    wide = steps[steps > interval_s]
    return tuple(Gap(int(time - step), int(step) // interval_s - 1) for time, step in wide.items())


def _read_only(series: Any) -> Any:
    values = series.to_numpy(copy=True)
    values.flags.writeable = False
    return values
