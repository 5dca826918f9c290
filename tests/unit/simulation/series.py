"""Candles for simulations: a seeded walk, the same on every machine."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

SYMBOL = "BTC-USD"
#: Opening of the first candle, unix seconds.
START = 1_789_200_000
QUARTER = 900

#: 2,400 candles of a quarter of an hour, as :func:`csv_of` makes them.
SHIPPED = Path(__file__).resolve().parents[3] / "tests" / "data" / "candles" / "BTC-USD_900.csv"

Row = tuple[int, float, float, float, float, float]


def seeded_rows(
    count: int, seed: int = 11, price: float = 64_000.0, start: int = START, interval_s: int = QUARTER
) -> list[Row]:
    """A walk around a level: noise, a trend that turns every ten hours, and a pull back to where it began.

    Only additions and multiplications of the generator's numbers: no function whose last digit depends on the machine.
    """
    chance = random.Random(seed)

    def noise() -> float:
        return sum(chance.random() for _ in range(4)) - 2.0

    rows: list[Row] = []
    level, trend, opened = 0.0, 0.0, round(price, 1)
    for number in range(count):
        if number % 40 == 0:
            trend = 0.0025 * noise()
        level += trend + 0.0045 * noise() - 0.006 * level
        close = round(price * (1.0 + level), 1)
        high = round(max(opened, close) * (1.0 + 0.001 * chance.random()), 1)
        low = round(min(opened, close) * (1.0 - 0.001 * chance.random()), 1)
        volume = round(0.5 + 20.0 * chance.random(), 4)
        rows.append((start + number * interval_s, opened, high, low, close, volume))
        opened = close
    return rows


def csv_of(series: dict[str, list[Row]]) -> str:
    """A file of candles, with the column symbol."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["time", "open", "high", "low", "close", "volume", "symbol"])
    for symbol, rows in series.items():
        writer.writerows([*row, symbol] for row in rows)
    return text.getvalue()
