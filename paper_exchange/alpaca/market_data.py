"""Crypto market data (Alpaca docs, Market Data, v1beta3 crypto). No key is needed, symbols have a slash."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.calls import PublicCall, Result
from paper_exchange.alpaca.errors import AlpacaError, bad_parameter, invalid_symbol
from paper_exchange.alpaca.formats import moment, nanoseconds, number, seconds
from paper_exchange.alpaca.instruments import Pair
from paper_exchange.core.candles import DAY, MINUTE, Candle
from paper_exchange.core.market import LEVELS, Level, Quote, TapeTrade
from paper_exchange.core.orders import ZERO, Side

_SYMBOL = re.compile(r"^[A-Z]+/[A-Z]+$")
_TIMEFRAME = re.compile(r"^([1-9]\d?)(Min|T|Hour|H|Day|D)$")
_UNITS = {"Min": MINUTE, "T": MINUTE, "Hour": 3600, "H": 3600, "Day": DAY, "D": DAY}
_MOST_OF_UNIT = {MINUTE: 59, 3600: 23, DAY: 1}
_ROWS = 1000
_MOST_ROWS = 10_000
# What a level shows where any size trades at the best price, in minimum sizes.
_SHOWN_LEVEL_SHARES = tuple(
    Decimal(n) for n in (57_000, 113_000, 95_000, 16_000, 5_000, 140_000, 60_000, 33_000, 210_000, 480_000)
)
_Row = tuple[str, float, dict[str, Any]]
_RowsOf = Callable[[Quote, int], Iterator[tuple[float, dict[str, Any]]]]
"""(quote, unix nanoseconds of the start) -> time and record of each row, of what is older too if that is simpler."""


def latest_quotes(call: PublicCall) -> Result:
    """The best bid and ask of each symbol."""
    return {"quotes": _by_symbol(call, lambda quote: _quote(quote, call.exchange.clock.now()))}


def latest_trades(call: PublicCall) -> Result:
    """The last trade of each symbol."""
    return {"trades": _by_symbol(call, lambda quote: _trade(quote.tape[-1]))}


def latest_bars(call: PublicCall) -> Result:
    """The minute that is running, or the last one that was traded in, of each symbol."""
    now = call.exchange.clock.now()
    return {"bars": _by_symbol(call, lambda quote: _bar(quote.candles.traded(MINUTE, now, 0)[-1]))}


def latest_orderbooks(call: PublicCall) -> Result:
    """The book of each symbol, best price first."""
    now = call.exchange.clock.now()
    return {"orderbooks": _by_symbol(call, lambda quote: _book(quote, now))}


def snapshots(call: PublicCall) -> Result:
    """Last trade, quote, minute, day and the day before, of each symbol."""
    now = call.exchange.clock.now()
    return {"snapshots": _by_symbol(call, lambda quote: _snapshot(quote, now))}


def bars(call: PublicCall) -> Result:
    """Candles from `start` (default: midnight UTC, in market time) to `end`, symbol by symbol, `limit` a page."""
    interval = _interval(call)
    now = call.exchange.clock.now()

    def rows(quote: Quote, start: int) -> Iterator[tuple[float, dict[str, Any]]]:
        candles = quote.candles.traded(interval, now, start // nanoseconds(1))
        return ((float(candle.time), _bar(candle)) for candle in candles)

    return _history(call, "bars", call.exchange.market.time.at(now), rows)


def trades(call: PublicCall) -> Result:
    """Public trades from `start` (default: midnight UTC) to `end`, symbol by symbol, `limit` a page."""

    def rows(quote: Quote, _start: int) -> Iterator[tuple[float, dict[str, Any]]]:
        return ((trade.time, _trade(trade)) for trade in quote.tape)

    return _history(call, "trades", call.exchange.clock.now(), rows)


def _by_symbol(call: PublicCall, show: Callable[[Quote], dict[str, Any]]) -> dict[str, Any]:
    # What is spelt right but not listed is left out without an error, as at the venue.
    return {pair.slash: show(_quote_of(call, pair)) for pair in _pairs(call)}


def _pairs(call: PublicCall) -> list[Pair]:
    names = call.query.names("symbols")
    if not names:
        raise AlpacaError(400, None, "symbols is required")
    for name in names:
        if not _SYMBOL.match(name):
            raise invalid_symbol(name)
    found = (call.catalogue.market_data_pair(name) for name in names)
    return [pair for pair in found if pair is not None]


def _quote_of(call: PublicCall, pair: Pair) -> Quote:
    return call.exchange.market.quotes[pair.instrument.symbol]


def _history(call: PublicCall, name: str, now: float, rows_of: _RowsOf) -> Result:
    start, end = call.query.moment("start"), call.query.moment("end")
    start = nanoseconds(now - now % DAY) if start is None else start
    limit = call.query.whole("limit", _ROWS, _MOST_ROWS)
    descending = call.query.choice("sort", ("asc", "desc")) == "desc"
    rows: list[_Row] = []
    for pair in sorted(_pairs(call), key=lambda pair: pair.slash):
        shown = [
            (pair.slash, at, row)
            for at, row in rows_of(_quote_of(call, pair), start)
            if nanoseconds(at) >= start and (end is None or nanoseconds(at) <= end)
        ]
        rows.extend(reversed(shown) if descending else shown)
    first = _position(rows, call.query.text("page_token"))
    page, rest = rows[first : first + limit], rows[first + limit :]
    answer: dict[str, list[dict[str, Any]]] = {}
    for symbol, _, row in page:
        answer.setdefault(symbol, []).append(row)
    return {name: answer, "next_page_token": _token(page[-1]) if page and rest else None}


def _token(row: _Row) -> str:
    symbol, _, record = row
    return base64.b64encode(f"{symbol}|{record.get('i', record['t'])}".encode()).decode()


def _position(rows: list[_Row], token: str | None) -> int:
    if token is None:
        return 0
    last = next((index for index, row in enumerate(rows) if _token(row) == token), None)
    if last is None:
        raise bad_parameter("page_token", token)
    return last + 1


def _interval(call: PublicCall) -> int:
    text = call.query.text("timeframe") or "1Min"
    found = _TIMEFRAME.match(text)
    unit = _UNITS[found[2]] if found else 0
    if not found or int(found[1]) > _MOST_OF_UNIT[unit]:
        raise bad_parameter("timeframe", text)
    return int(found[1]) * unit


def _quote(quote: Quote, now: float) -> dict[str, Any]:
    bid, ask = (_shown_levels(quote, side)[0] for side in (Side.SELL, Side.BUY))
    return {
        "ap": number(ask.price),
        "as": number(ask.volume or ZERO),
        "bp": number(bid.price),
        "bs": number(bid.volume or ZERO),
        "t": moment(now),
    }


def _trade(trade: TapeTrade) -> dict[str, Any]:
    return {
        "i": trade.number,
        "p": number(trade.price),
        "s": number(trade.volume),
        "t": moment(trade.time),
        "tks": "B" if trade.side is Side.BUY else "S",
    }


def _bar(candle: Candle) -> dict[str, Any]:
    average = candle.cost / candle.volume if candle.volume else ZERO
    return {
        "c": number(candle.close),
        "h": number(candle.high),
        "l": number(candle.low),
        "n": candle.count,
        "o": number(candle.open),
        "t": seconds(candle.time),
        "v": number(candle.volume),
        "vw": number(round(average, 9)),
    }


def _book(quote: Quote, now: float) -> dict[str, Any]:
    asks, bids = (
        [{"p": number(level.price), "s": number(level.volume or ZERO)} for level in _shown_levels(quote, side)]
        for side in (Side.BUY, Side.SELL)
    )
    return {"a": asks, "b": bids, "t": moment(now)}


def _snapshot(quote: Quote, now: float) -> dict[str, Any]:
    minute, days = quote.candles.traded(MINUTE, now, 0)[-1], quote.candles.traded(DAY, now, 0)
    return {
        "dailyBar": _bar(days[-1]),
        "latestQuote": _quote(quote, now),
        "latestTrade": _trade(quote.tape[-1]),
        "minuteBar": _bar(minute),
        "prevDailyBar": _bar(days[-2]) if len(days) > 1 else None,
    }


def _shown_levels(quote: Quote, side: Side) -> list[Level]:
    levels = quote.levels(side)
    if quote.depth is not None:
        return levels
    step = quote.level_step if side is Side.BUY else -quote.level_step
    return [
        Level(levels[0].price + step * level, quote.instrument.minimum_size * share)
        for level, share in zip(range(LEVELS), _SHOWN_LEVEL_SHARES, strict=True)
        if levels[0].price + step * level > 0
    ]
