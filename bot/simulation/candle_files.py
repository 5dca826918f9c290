"""Candles from a file: CSV with a header line, or an answer of Kraken's OHLC as it was recorded."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from bot.domain.errors import InvalidAmount, SettingsError
from bot.domain.instruments import COMMON_CODES
from bot.domain.money import DOLLARS
from bot.trading_strategy import Candles, InvalidCandles

_COLUMNS = ("time", "open", "high", "low", "close", "volume")
#: Unix seconds of the year 2286: more than this are milliseconds.
_LATEST = 10_000_000_000
#: ``XXBTZUSD`` is an old pair's id, with a letter before each code; ``SOLUSDC`` is a newer one's.
_OLD_NAME = re.compile(r"X([A-Z]{3})Z(USD)")
_NEW_NAME = re.compile(rf"([A-Z0-9]+?)({'|'.join(DOLLARS)})")

#: A row's place in its file, for messages, and its six values.
_Placed = tuple[str, tuple[Any, ...]]


def read_candles(path: Path, symbol: str | None = None) -> dict[str, Candles]:
    """The candles of a file by canonical symbol; the length of a candle is the shortest step between two.

    CSV has the columns time (unix seconds or ISO 8601, without a zone UTC), open, high, low, close, volume and perhaps
    symbol, in any order. Rows may be in any order too.

    Args:
        symbol: whose they are, where the file does not tell; the name that Kraken's answer has is understood.

    Raises:
        SettingsError: the file or one of its lines cannot be used; the text names it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingsError(f"{path}: cannot be read ({reason})") from None
    found = _from_json(path, text, symbol) if text.lstrip()[:1] in ("{", "[") else _from_csv(path, text, symbol)
    if not found:
        raise SettingsError(f"{path}: there are no candles in it")
    return {name: _candles(path, name, rows) for name, rows in found.items()}


def _candles(path: Path, symbol: str, placed: list[_Placed]) -> Candles:
    placed = sorted(placed, key=lambda one: one[1][0])
    times = [row[0] for _, row in placed]
    steps = [after - before for before, after in pairwise(times) if after > before]
    if not steps:
        raise SettingsError(f"{path}: {symbol} needs two candles at least")
    interval_s = min(steps)
    try:
        return Candles.from_rows(symbol, interval_s, [row for _, row in placed], times[-1] + interval_s)
    except InvalidCandles as error:
        # The last of those of that time: of two, the second one is too many.
        places = {row[0]: place for place, row in placed}
        where = f", {places[error.opening]}" if error.opening in places else ""
        raise SettingsError(f"{path}{where}: {error}") from None
    except InvalidAmount as error:
        raise SettingsError(f"{path}: {error}") from None


def _from_csv(path: Path, text: str, symbol: str | None) -> dict[str, list[_Placed]]:
    lines = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise SettingsError(f"{path}, line 1: no column {', '.join(missing)}; expected {','.join(_COLUMNS)}[,symbol]")
    at = [header.index(name) for name in _COLUMNS]
    symbol_at = header.index("symbol") if "symbol" in header else None
    if symbol_at is None and symbol is None:
        raise SettingsError(f"{path}: has no column symbol; name it: --symbol BTC-USD")
    found: dict[str, list[_Placed]] = {}
    for line in lines:
        if not line:
            continue
        place = f"line {lines.line_num}"
        if len(line) != len(header):
            _refuse(path, place, f"has {len(line)} values, the header has {len(header)}")
        name = symbol if symbol_at is None else line[symbol_at].strip().upper() or symbol
        row = _row(path, place, [line[index] for index in at])
        found.setdefault(name or "", []).append((place, row))
    return found


def _from_json(path: Path, text: str, symbol: str | None) -> dict[str, list[_Placed]]:
    try:
        answer = json.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: is not valid JSON: {error}") from None
    result = answer.get("result", answer) if isinstance(answer, dict) else None
    series = {name: rows for name, rows in result.items() if isinstance(rows, list)} if result else {}
    series.pop("error", None)
    if not result or not series:
        raise SettingsError(f"{path}: is no answer of Kraken's OHLC: no list of candles by pair")
    if symbol is not None and len(series) > 1:
        raise SettingsError(f"{path}: --symbol names one symbol, the file has {', '.join(series)}")
    last = result.get("last")
    return {
        symbol or _canonical(path, name): list(_kraken_rows(path, name, rows, last)) for name, rows in series.items()
    }


def _kraken_rows(path: Path, name: str, rows: Iterable[Any], last: Any) -> Iterable[_Placed]:
    for number, row in enumerate(rows, start=1):
        place = f"{name}, candle {number}"
        if not isinstance(row, list) or len(row) != 8:
            _refuse(path, place, "is not [time, open, high, low, close, vwap, volume, count]")
        time, opened, high, low, close, _, volume, _ = row
        if isinstance(last, int) and isinstance(time, int) and time > last:
            continue  # it was still forming
        yield place, _row(path, place, [str(value) for value in (time, opened, high, low, close, volume)])


def _canonical(path: Path, name: str) -> str:
    base, slash, quote = name.upper().partition("/")
    match = None if slash else _OLD_NAME.fullmatch(name.upper()) or _NEW_NAME.fullmatch(name.upper())
    if match:
        base, quote = match.groups()
    if not base or not quote:
        raise SettingsError(f"{path}: which symbol is {name}? Name it: --symbol BTC-USD")
    return f"{COMMON_CODES.get(base, base)}-{quote}"


def _row(path: Path, place: str, values: list[str]) -> tuple[Any, ...]:
    numbers = []
    for name, value in zip(_COLUMNS[1:], values[1:], strict=True):
        try:
            numbers.append(float(value))
        except ValueError:
            _refuse(path, place, f"{name} is no number, was {value.strip()!r}")
    return (_seconds(path, place, values[0].strip()), *numbers)


def _seconds(path: Path, place: str, text: str) -> int:
    try:
        time = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            _refuse(path, place, f"time is neither unix seconds nor ISO 8601, was {text!r}")
        time = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= time < _LATEST or time % 1:
        _refuse(path, place, f"time must be whole unix seconds, was {text!r}")
    return int(time)


def _refuse(path: Path, place: str, fault: str) -> NoReturn:
    raise SettingsError(f"{path}, {place}: {fault}")
