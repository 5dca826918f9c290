"""Reading candles from a CSV file, and writing them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from paper_exchange.core.candles import MINUTE, Candle

COLUMNS = ("time", "open", "high", "low", "close", "volume")
TRADES_OF_ROW = 4
_SYMBOL = "symbol"
_YEAR_10000 = 253_402_300_800


@dataclass(frozen=True, slots=True)
class CandleRows:
    """The candles of one symbol, oldest first, at least one; each begins at a multiple of `interval_s` (seconds)."""

    interval_s: int
    rows: list[Candle]


class _Wrong(ValueError):
    """What is wrong with a line; file and line are put before it."""


def read_candles(path: Path, default_symbol: str, known: Collection[str] | None = None) -> dict[str, CandleRows]:
    """The candles of a file, by symbol.

    The first line names the columns: time, open, high, low, close, volume and maybe symbol, in any order; others are
    left unread. Times are the beginnings of the candles, in unix seconds or ISO 8601 (UTC where no zone is given), and
    lines may come in any order. The interval is the most frequent distance between two candles of a symbol. `known`:
    the symbols that may be named.

    Raises ValueError with file and line, OSError.
    """
    found: dict[str, dict[int, tuple[int, Candle]]] = {}
    # Spreadsheets begin their files with a byte order mark.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        try:
            header = _columns(next(reader, []))
            for values in reader:
                if not any(value.strip() for value in values):
                    continue
                row = _named(header, values)
                symbol = row.get(_SYMBOL) or default_symbol
                if known is not None and symbol not in known:
                    raise _Wrong(f"no venue lists {symbol}")
                candle = _candle(row)
                earlier = found.setdefault(symbol, {}).setdefault(candle.time, (reader.line_num, candle))
                if earlier[1] is not candle:
                    raise _Wrong(f"the same time as in line {earlier[0]}")
        except (_Wrong, csv.Error) as error:
            raise ValueError(f"{path}, line {reader.line_num or 1}: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}, after line {reader.line_num}: not text in UTF-8") from error
    if not found:
        raise ValueError(f"{path}: no candles")
    return {symbol: _on_grid(path, rows) for symbol, rows in found.items()}


def write_candles(file: TextIO, candles: Mapping[str, Iterable[Candle]]) -> None:
    """Writes the candles of each symbol as `read_candles` reads them."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*COLUMNS, _SYMBOL))
    for symbol, rows in candles.items():
        for row in rows:
            values = (row.open, row.high, row.low, row.close, row.volume)
            writer.writerow((row.time, *(f"{value:f}" for value in values), symbol))


def _columns(names: list[str]) -> list[str]:
    header = [name.strip().lower() for name in names]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise _Wrong(f"the first line must name the columns; missing: {', '.join(missing)}")
    twice = [name for name in (*COLUMNS, _SYMBOL) if header.count(name) > 1]
    if twice:
        raise _Wrong(f"the column {twice[0]} is there twice")
    return header


def _named(header: list[str], values: list[str]) -> dict[str, str]:
    if len(values) != len(header):
        raise _Wrong(f"{len(values)} values, but {len(header)} columns")
    return {name: value.strip() for name, value in zip(header, values, strict=True)}


def _candle(row: Mapping[str, str]) -> Candle:
    opening, high, low, close = (_number(row, name) for name in ("open", "high", "low", "close"))
    volume = _number(row, "volume")
    if low <= 0:
        raise _Wrong(f"prices must be above zero, low is {low}")
    if volume < 0:
        raise _Wrong(f"volume is below zero: {volume}")
    if low > min(opening, close) or high < max(opening, close):
        raise _Wrong(f"low {low} and high {high} do not enclose open {opening} and close {close}")
    count = TRADES_OF_ROW if volume else 0
    return Candle(_time(row["time"]), opening, high, low, close, volume, volume * (high + low + close) / 3, count)


def _number(row: Mapping[str, str], name: str) -> Decimal:
    try:
        value = Decimal(row[name])
    except InvalidOperation:
        raise _Wrong(f"{name} is not a number: {row[name]!r}") from None
    if not value.is_finite():
        raise _Wrong(f"{name} is not a finite number: {row[name]}")
    return value


def _time(text: str) -> int:
    at = _unix_seconds(text)
    if not 0 <= at < _YEAR_10000:
        raise _Wrong(f"time is not in unix seconds: {text}")
    if at != int(at):
        raise _Wrong(f"time is not a whole second: {text}")
    return int(at)


def _unix_seconds(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _iso_seconds(text)
    if not number.is_finite():
        raise _Wrong(f"time is neither in unix seconds nor in ISO 8601: {text!r}")
    return number


def _iso_seconds(text: str) -> Decimal:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong(f"time is neither in unix seconds nor in ISO 8601: {text!r}") from None
    return Decimal((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp())


def _on_grid(path: Path, found: Mapping[int, tuple[int, Candle]]) -> CandleRows:
    times = sorted(found)
    distances = Counter(later - earlier for earlier, later in pairwise(times))
    # Of two that are as frequent, the shorter: longer ones are gaps.
    interval_s = min(distances, key=lambda length: (-distances[length], length)) if distances else MINUTE
    for time in times:
        if time % interval_s:
            raise ValueError(
                f"{path}, line {found[time][0]}: the candles are {interval_s} seconds long, "
                f"but this one does not begin at a multiple of that: {time}"
            )
    return CandleRows(interval_s, [found[time][1] for time in times])
