"""Candles for the strategies' tests: real ones, ones of the same shape, and hand-made ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.trading_strategy import Candles, StrategySettings

_ROOT = Path(__file__).resolve().parents[3]
OWN = _ROOT / "tests" / "data" / "kraken" / "ohlc_XXBTZUSD_1.json"
RECORDED = _ROOT.parent / "shared" / "samples" / "kraken" / "live_2025-11" / "http_ohlc.json"

SYMBOL = "BTC-USD"
MINUTE = 60
#: Opening of the first hand-made candle, unix seconds.
START = 1_790_000_040

Row = tuple[Any, ...]

#: As few candles as the default periods need.
BRIEF = StrategySettings(minimum_candles=24)


def own_rows() -> list[Row]:
    """240 committed one-minute candles and a forming one, in Kraken's shape, of our own."""
    return _rows(json.loads(OWN.read_text(encoding="utf-8")))


def recorded_rows() -> list[Row]:
    """720 committed one-minute candles and a forming one of November 2025; skips where there are none."""
    if not RECORDED.exists():
        pytest.skip("recorded answers (../shared/samples) are not here")
    return _rows(json.loads(RECORDED.read_text(encoding="utf-8"))["result"])


def _rows(result: dict[str, Any]) -> list[Row]:
    rows = next(value for key, value in result.items() if key != "last")
    assert rows[-2][0] == result["last"], "the last row is the one that is still forming"
    return [(time, opened, high, low, close, volume) for time, opened, high, low, close, _, volume, _ in rows]


def rows_of(closes: Sequence[float], start: int = START, interval_s: int = MINUTE) -> list[Row]:
    """Rows with these closing prices; each opens where the one before it closed."""
    opens = [closes[0], *closes[:-1]]
    return [
        (start + number * interval_s, opened, max(opened, close), min(opened, close), close, 1.0)
        for number, (opened, close) in enumerate(zip(opens, closes, strict=True))
    ]


def just_closed(rows: Sequence[Row], interval_s: int = MINUTE) -> float:
    """A moment after the last row's candle closed, unix seconds."""
    return rows[-1][0] + interval_s + 1.5


def committed(rows: Sequence[Row]) -> Candles:
    """All of these, the last one just closed."""
    return Candles.from_rows(SYMBOL, MINUTE, rows, just_closed(rows))


def candles_of(closes: Sequence[float]) -> Candles:
    """Committed candles with these closing prices."""
    return committed(rows_of(closes))
