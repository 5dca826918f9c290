"""Indicators by TA-Lib: a float64 Series by time in, one of the same length out, NaN where there is none yet."""

from __future__ import annotations

from typing import Any

import talib


def relative_strength_index(close: Any, period: int = 9) -> Any:
    """Wilder's RSI, 0 to 100, from the candle ``period`` on, counted from 0.

    NaN too while the price has not moved at all: it is 0 divided by 0 there, and TA-Lib's answer, 0, would read as
    oversold.

    Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978): the first averages are plain ones over
    ``period`` changes, each later one is ``(before * (period - 1) + change) / period``.
    """
    # TA-Lib answers with a Series to a Series, which its types do not say.
    strength: Any = talib.RSI(close, timeperiod=period)
    return strength.where((close != close.iloc[0]).cummax())


def exponential_moving_average(close: Any, period: int = 9) -> Any:
    """EMA with the factor 2 / (period + 1), from the candle ``period - 1`` on; begins with the plain average."""
    return talib.EMA(close, timeperiod=period)
