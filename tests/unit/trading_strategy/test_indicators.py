"""RSI and EMA are TA-Lib's, and what the textbook computes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from bot.trading_strategy import exponential_moving_average, relative_strength_index
from tests.unit.trading_strategy.series import Row, committed, own_rows, recorded_rows

NAN = float("nan")

feeds = pytest.mark.parametrize(
    "feed", [pytest.param(recorded_rows, id="721 real candles"), pytest.param(own_rows, id="241 of their shape")]
)
periods = pytest.mark.parametrize("period", [2, 9, 14, 21])
prices = st.floats(1e-8, 1e6)


def wilder(closes: list[float], period: int) -> list[float]:
    """Wilder's RSI as he describes it, with paper and pencil."""
    changes = [after - before for before, after in pairwise(closes)]
    gains, losses = [max(change, 0.0) for change in changes], [max(-change, 0.0) for change in changes]
    if len(changes) < period:
        return [NAN] * len(closes)
    gain, loss = sum(gains[:period]) / period, sum(losses[:period]) / period
    found = [NAN] * period + [100 * gain / (gain + loss) if gain + loss else NAN]
    for up, down in zip(gains[period:], losses[period:], strict=True):
        gain, loss = (gain * (period - 1) + up) / period, (loss * (period - 1) + down) / period
        found.append(100 * gain / (gain + loss) if gain + loss else NAN)
    return found


def average(closes: list[float], period: int) -> list[float]:
    """The EMA that begins with the plain average of the first ``period`` prices."""
    if len(closes) < period:
        return [NAN] * len(closes)
    found = [NAN] * (period - 1) + [sum(closes[:period]) / period]
    for close in closes[period:]:
        found.append(found[-1] + (close - found[-1]) * 2 / (period + 1))
    return found


@feeds
@periods
class TestOnCandles:
    def test_rsi_is_talibs(self, feed: Callable[[], list[Row]], period: int) -> None:
        close = committed(feed()).close

        assert relative_strength_index(close, period).equals(talib.RSI(close, timeperiod=period))

    def test_ema_is_talibs(self, feed: Callable[[], list[Row]], period: int) -> None:
        close = committed(feed()).close

        assert exponential_moving_average(close, period).equals(talib.EMA(close, timeperiod=period))

    def test_rsi_is_wilders(self, feed: Callable[[], list[Row]], period: int) -> None:
        close = committed(feed()).close

        found = relative_strength_index(close, period)

        assert found.tolist() == pytest.approx(wilder(close.tolist(), period), rel=1e-9, nan_ok=True)
        assert found.index.equals(close.index)
        assert (found.isna().sum(), found.notna().sum()) == (period, len(close) - period)

    def test_ema_is_the_textbooks(self, feed: Callable[[], list[Row]], period: int) -> None:
        close = committed(feed()).close

        found = exponential_moving_average(close, period)

        assert found.tolist() == pytest.approx(average(close.tolist(), period), rel=1e-12, nan_ok=True)
        assert found.index.equals(close.index)
        assert (found.isna().sum(), found.notna().sum()) == (period - 1, len(close) - period + 1)

    def test_later_candles_change_no_earlier_value(self, feed: Callable[[], list[Row]], period: int) -> None:
        close = committed(feed()).close
        rsi, ema = relative_strength_index(close, period), exponential_moving_average(close, period)

        for count in range(1, len(close), 7):
            assert relative_strength_index(close.iloc[:count], period).equals(rsi.iloc[:count])
            assert exponential_moving_average(close.iloc[:count], period).equals(ema.iloc[:count])


class TestByHand:
    def test_rsi(self) -> None:
        # +2 -1: 2 of 3; then (1 + 0) / 2 = 0.5 up, (0.5 + 3) / 2 = 1.75 down
        found = relative_strength_index(pd.Series([10.0, 12.0, 11.0, 8.0]), 2).tolist()

        assert found == pytest.approx([NAN, NAN, 200 / 3, 100 * 0.5 / 2.25], nan_ok=True)

    def test_ema(self) -> None:
        found = exponential_moving_average(pd.Series([2.0, 4.0, 6.0, 10.0]), 3).tolist()

        assert found == [pytest.approx(NAN, nan_ok=True)] * 2 + [4.0, 7.0]

    @pytest.mark.parametrize(("last", "rsi"), [(101.0, 100.0), (99.0, 0.0)], ids=["up", "down"])
    def test_a_price_that_never_moved_is_not_oversold(self, last: float, rsi: float) -> None:
        found = relative_strength_index(pd.Series([100.0] * 15 + [last, last])).tolist()

        assert all(math.isnan(value) for value in found[:15])
        assert found[15:] == [rsi, rsi]

    def test_fewer_candles_than_the_period_have_no_value(self) -> None:
        close = pd.Series([1.0, 2.0, 3.0])

        assert relative_strength_index(close).isna().all()
        assert exponential_moving_average(close).isna().all()


@given(st.lists(prices, min_size=1, max_size=60), st.integers(2, 20))
def test_any_series_is_the_textbooks(closes: list[float], period: int) -> None:
    rsi = relative_strength_index(pd.Series(closes), period)
    ema = exponential_moving_average(pd.Series(closes), period)

    assert rsi.tolist() == pytest.approx(wilder(closes, period), rel=1e-6, abs=1e-6, nan_ok=True)
    assert ema.tolist() == pytest.approx(average(closes, period), rel=1e-9, nan_ok=True)
    assert rsi.dropna().between(0, 100).all()
