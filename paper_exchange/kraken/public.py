"""Market data calls (Kraken REST docs, Market Data)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from paper_exchange.core.candles import MINUTE, Candle
from paper_exchange.core.market import LEVELS, Level, Quote
from paper_exchange.core.orders import ZERO, Side
from paper_exchange.core.settings import SystemStatus
from paper_exchange.kraken.calls import PublicCall, Result
from paper_exchange.kraken.errors import UNKNOWN_ASSET, UNKNOWN_PAIR, KrakenError, invalid_argument
from paper_exchange.kraken.formats import TICKER_DECIMALS, VOLUME_DECIMALS, fixed, iso, rfc1123, volume
from paper_exchange.kraken.instruments import Pair

INTERVALS = frozenset({1, 5, 15, 30, 60, 240, 1440, 10080, 21600})
_NANOSECONDS = 1_000_000_000
_MOST_LEVELS = 500
_MOST_TRADES = 1000
_SHOWN_LEVEL_VOLUMES = tuple(Decimal(n) for n in (2, 24, 95, 16, 5, 140, 60, 33, 210, 480))


def server_time(call: PublicCall) -> Result:
    """Time: unix seconds and the same as text."""
    now = call.exchange.clock.now()
    return {"unixtime": int(now), "rfc1123": rfc1123(now)}


def system_status(call: PublicCall) -> Result:
    """SystemStatus: online, maintenance, cancel_only or post_only."""
    status: SystemStatus = call.exchange.settings.system_status
    return {"status": status.value, "timestamp": iso(call.exchange.clock.now())}


def assets(call: PublicCall) -> Result:
    """Assets: all, or those in `asset`; keys are Kraken's ids."""
    names = call.parameters.names("asset")
    found = [call.catalogue.asset(name) for name in names] if names else list(call.catalogue.assets.values())
    answer = {}
    for asset in found:
        if asset is None:
            raise KrakenError(UNKNOWN_ASSET, null_result=True)
        answer[asset.asset_id] = {
            "aclass": "currency",
            "altname": asset.altname,
            "decimals": asset.decimals,
            "display_decimals": asset.display_decimals,
            "collateral_value": asset.collateral_value,
            "status": "enabled",
            "margin_rate": asset.margin_rate,
        }
    return answer


def asset_pairs(call: PublicCall) -> Result:
    """AssetPairs: all, or those in `pair`; keyed by id, or by the slash name where one was asked for."""
    return {name: _describe_pair(pair) for name, pair in _named_pairs(call, everything=True)}


def ticker(call: PublicCall) -> Result:
    """Ticker: all pairs, or those in `pair`."""
    now = call.exchange.clock.now()
    return {
        name: _ticker(call.exchange.market.quotes[pair.instrument.symbol], now)
        for name, pair in _named_pairs(call, everything=True)
    }


def ohlc(call: PublicCall) -> Result:
    """OHLC: at most 720 candles, the last one still forming; `last` is the start of the last finished one.

    After the end of a file that is played the last one is finished too.
    """
    interval = call.parameters.whole("interval", 1) or 1
    if interval not in INTERVALS:
        raise invalid_argument("interval")
    name, pair = _one_pair(call)
    since = call.parameters.seconds("since") or 0.0
    now, market = call.exchange.clock.now(), call.exchange.market
    rows = market.quotes[pair.instrument.symbol].candles.rows(interval * MINUTE, now)
    is_forming = rows[-1].time + interval * MINUTE > market.time.at(now)
    last = rows[-2].time if is_forming and len(rows) > 1 else rows[-1].time
    decimals = pair.instrument.price_decimals
    return {name: [_ohlc_row(row, decimals) for row in rows if row.time > since], "last": last}


def depth(call: PublicCall) -> Result:
    """Depth: the book around the quote, best price first."""
    count = call.parameters.whole("count", 100) or 100
    if not 1 <= count <= _MOST_LEVELS:
        raise invalid_argument("count")
    name, pair = _one_pair(call)
    quote = call.exchange.market.quotes[pair.instrument.symbol]
    now = int(call.exchange.clock.now())
    asks, bids = (
        [
            [_price(level.price, pair), fixed(level.volume or ZERO, 3), now]
            for level in _shown_levels(quote, side)[:count]
        ]
        for side in (Side.BUY, Side.SELL)
    )
    return {name: {"asks": asks, "bids": bids}}


def trades(call: PublicCall) -> Result:
    """Trades: the tape, oldest first; `since` and `last` are nanoseconds."""
    name, pair = _one_pair(call)
    since = call.parameters.whole("since") or 0
    count = min(call.parameters.whole("count", _MOST_TRADES) or _MOST_TRADES, _MOST_TRADES)
    tape = call.exchange.market.quotes[pair.instrument.symbol].tape
    newer = [trade for trade in tape if int(trade.time * _NANOSECONDS) > since]
    chosen = newer[:count] if since else newer[-count:]
    rows = [
        [
            _price(trade.price, pair),
            volume(trade.volume),
            round(trade.time, 7),
            "b" if trade.side is Side.BUY else "s",
            "m" if trade.market else "l",
            "",
            trade.number,
        ]
        for trade in chosen
    ]
    last = int(chosen[-1].time * _NANOSECONDS) if chosen else since
    return {name: rows, "last": str(last)}


def spread(call: PublicCall) -> Result:
    """Spread: the last best bids and asks."""
    name, pair = _one_pair(call)
    since = call.parameters.seconds("since") or 0.0
    changes = call.exchange.market.quotes[pair.instrument.symbol].changes
    rows = [[int(at), _price(bid, pair), _price(ask, pair)] for at, bid, ask in changes if at >= since]
    return {name: rows, "last": rows[-1][0] if rows else int(since)}


def _named_pairs(call: PublicCall, *, everything: bool) -> Iterable[tuple[str, Pair]]:
    names = call.parameters.names("pair")
    if not names:
        if not everything:
            raise invalid_argument("pair")
        return [(pair.pair_id, pair) for pair in call.catalogue.pairs]
    return [_named_pair(call, name) for name in names]


def _one_pair(call: PublicCall) -> tuple[str, Pair]:
    return next(iter(_named_pairs(call, everything=False)))


def _named_pair(call: PublicCall, name: str) -> tuple[str, Pair]:
    pair = call.catalogue.pair(name)
    if pair is None:
        raise KrakenError(UNKNOWN_PAIR, null_result=True)
    return (name if "/" in name else pair.pair_id), pair


def _describe_pair(pair: Pair) -> dict[str, Any]:
    instrument = pair.instrument
    leverage = list(range(2, pair.leverage + 1))
    answer = {
        "altname": pair.altname,
        "wsname": pair.legacy_name,
        "aclass_base": "currency",
        "base": pair.base_id,
        "aclass_quote": "currency",
        "quote": pair.quote_id,
        "lot": "unit",
        "cost_decimals": instrument.cost_decimals,
        "pair_decimals": instrument.price_decimals,
        "lot_decimals": instrument.size_decimals,
        "lot_multiplier": 1,
        "leverage_buy": leverage,
        "leverage_sell": leverage,
        "fees": [],
        "fees_maker": [],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{instrument.minimum_size:f}",
        "costmin": f"{instrument.minimum_cost:f}",
        "tick_size": f"{instrument.price_step:f}",
        "status": instrument.status.value,
        "execution_venue": "international",
    }
    if pair.position_limits is not None:
        answer["long_position_limit"], answer["short_position_limit"] = pair.position_limits
    return answer


def _price(price: Decimal, pair: Pair) -> str:
    return fixed(price, max(TICKER_DECIMALS, pair.instrument.price_decimals))


def _shown_levels(quote: Quote, side: Side) -> list[Level]:
    levels = quote.levels(side)
    if quote.depth is not None:
        return levels
    step = quote.level_step if side is Side.BUY else -quote.level_step
    unit = quote.instrument.minimum_size
    return [
        Level(levels[0].price + step * number, max(unit * share, Decimal("0.001")))
        for number, share in zip(range(LEVELS), _SHOWN_LEVEL_VOLUMES, strict=True)
        if levels[0].price + step * number > 0
    ]


def _ticker(quote: Quote, now: float) -> dict[str, Any]:
    decimals = max(TICKER_DECIMALS, quote.instrument.price_decimals)
    windows = [quote.candles.today(now), quote.candles.last_day(now)]
    return {
        "a": [fixed(quote.ask, decimals), *_lots(quote, Side.BUY)],
        "b": [fixed(quote.bid, decimals), *_lots(quote, Side.SELL)],
        "c": [fixed(quote.last, decimals), volume(quote.last_volume)],
        "v": [volume(window.volume) for window in windows],
        "p": [fixed(_average(window), decimals) for window in windows],
        "t": [window.count for window in windows],
        "l": [fixed(min(window.low, quote.last), decimals) for window in windows],
        "h": [fixed(max(window.high, quote.last), decimals) for window in windows],
        "o": fixed(windows[0].open, decimals),
    }


def _lots(quote: Quote, side: Side) -> tuple[str, str]:
    lots = _shown_levels(quote, side)[0].volume or ZERO
    whole = max(int(lots), 1)
    return str(whole), fixed(Decimal(whole), 3)


def _average(row: Candle) -> Decimal:
    return row.cost / row.volume if row.volume else ZERO


def _ohlc_row(row: Candle, decimals: int) -> list[Any]:
    prices = [_at_least(price, decimals) for price in (row.open, row.high, row.low, row.close)]
    average = fixed(_average(row), decimals) if row.volume else "0.0"
    return [row.time, *prices, average, _at_least(row.volume, VOLUME_DECIMALS), row.count]


def _at_least(value: Decimal, decimals: int) -> str:
    # A file may be finer than the venue: whoever reads its candles here is to see the numbers of the file.
    exponent = value.as_tuple().exponent
    return fixed(value, max(decimals, -exponent if isinstance(exponent, int) else 0))
