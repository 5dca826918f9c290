"""Products and their market data, with a key and without (Coinbase docs, Products; Public)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.coinbase.calls import Call, Result
from paper_exchange.coinbase.errors import invalid_argument
from paper_exchange.coinbase.formats import iso, plain, ratio
from paper_exchange.coinbase.instruments import NAMES, Product
from paper_exchange.core.instruments import TradingStatus
from paper_exchange.core.market import LEVELS, Quote
from paper_exchange.core.orders import ZERO, Side

_GRANULARITIES = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1800,
    "ONE_HOUR": 3600,
    "TWO_HOUR": 7200,
    "FOUR_HOUR": 14400,
    "SIX_HOUR": 21600,
    "ONE_DAY": 86400,
}
_MOST_CANDLES = 350
_MOST_TRADES = 1000
_SHOWN_SHARE = Decimal(5000)
_BASIS_POINTS = 10_000


def unix_time(call: Call) -> Result:
    """The venue's time; the numbers are strings."""
    now = call.exchange.clock.now()
    return {"iso": iso(now), "epochSeconds": str(int(now)), "epochMillis": str(int(now * 1000))}


def products(call: Call) -> Result:
    """All products, or those in `product_ids`; only spot ones are simulated."""
    parameters = call.parameters
    wanted, kind = parameters.texts("product_ids"), parameters.text("product_type")
    found = [
        product
        for symbol, product in call.catalogue.products.items()
        if (not wanted or symbol in wanted) and kind in (None, "SPOT", "UNKNOWN_PRODUCT_TYPE")
    ]
    offset = parameters.whole("offset", 0, len(found))
    shown = found[offset:][: parameters.whole("limit", len(found) or 1, len(found) or 1)]
    return {
        "products": [_product(call, product) for product in shown],
        "num_products": len(shown),
        "pagination": None,
    }


def product(call: Call) -> Result:
    """One product, not wrapped in anything."""
    return _product(call, call.product(call.incoming.names["product_id"]))


def product_book(call: Call) -> Result:
    """The book around the quote, best price first."""
    product_id = call.parameters.text("product_id")
    if product_id is None:
        raise invalid_argument("valid product_id is required")
    call.product(product_id)
    quote = call.exchange.market.quotes[product_id]
    middle = (quote.ask + quote.bid) / 2
    return {
        "pricebook": _book(call, quote, call.parameters.whole("limit", LEVELS, LEVELS)),
        "last": plain(quote.last),
        "mid_market": plain(middle),
        "spread_bps": ratio((quote.ask - quote.bid) * _BASIS_POINTS, middle),
        "spread_absolute": plain(quote.ask - quote.bid),
    }


def best_bid_ask(call: Call) -> Result:
    """The best prices of all products, or of those in `product_ids`."""
    wanted = call.parameters.texts("product_ids") or list(call.catalogue.products)
    quotes = call.exchange.market.quotes
    return {"pricebooks": [_book(call, quotes[symbol], 1) for symbol in wanted if symbol in quotes]}


def candles(call: Call) -> Result:
    """Candles from `start` to `end` (default: market time), newest first, at most 349."""
    product_id = call.incoming.names["product_id"]
    call.product(product_id)
    length = _GRANULARITIES.get(call.parameters.text("granularity") or "")
    if length is None:
        raise invalid_argument("granularity is invalid")
    now = call.exchange.clock.now()
    end = call.parameters.seconds("end")
    start = call.parameters.seconds("start")
    last = call.exchange.market.time.at(now) if end is None else end
    first = last - (_MOST_CANDLES - 1) * length if start is None else start
    if (last - first) / length >= _MOST_CANDLES:
        raise invalid_argument("number of candles requested should be less than 350")
    rows = call.exchange.market.quotes[product_id].candles.traded(length, now, first)
    shown = [row for row in reversed(rows) if row.time <= last]
    return {
        "candles": [
            {
                "start": str(row.time),
                "low": plain(row.low),
                "high": plain(row.high),
                "open": plain(row.open),
                "close": plain(row.close),
                "volume": plain(row.volume),
            }
            for row in shown[: call.parameters.whole("limit", _MOST_CANDLES, _MOST_CANDLES)]
        ]
    }


def market_trades(call: Call) -> Result:
    """The last trades, newest first, and the best prices."""
    product_id = call.incoming.names["product_id"]
    call.product(product_id)
    quote = call.exchange.market.quotes[product_id]
    limit = call.parameters.whole("limit", 100, _MOST_TRADES)
    trades = [
        {
            "trade_id": str(trade.number),
            "product_id": product_id,
            "price": plain(trade.price),
            "size": plain(trade.volume),
            "time": iso(trade.time),
            "side": trade.side.value.upper(),
            "bid": "",
            "ask": "",
            "exchange": "coinbase",
        }
        for trade in list(quote.tape)[: -limit - 1 : -1]
    ]
    return {"trades": trades, "best_bid": plain(quote.bid), "best_ask": plain(quote.ask)}


def _product(call: Call, product: Product) -> dict[str, Any]:
    instrument = product.instrument
    quote = call.exchange.market.quotes[instrument.symbol]
    now = call.exchange.clock.now()
    day = quote.candles.last_day(now)
    return {
        "product_id": instrument.symbol,
        "price": plain(quote.last),
        "price_percentage_change_24h": ratio((quote.last - day.open) * 100, day.open),
        "volume_24h": plain(day.volume),
        "volume_percentage_change_24h": "0",
        "base_increment": plain(instrument.size_step),
        "quote_increment": plain(product.quote_step),
        "quote_min_size": plain(instrument.minimum_cost),
        "quote_max_size": plain(product.largest_quote),
        "base_min_size": plain(instrument.minimum_size),
        "base_max_size": plain(product.largest_base),
        "base_name": NAMES[instrument.base],
        "quote_name": NAMES[instrument.quote],
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": instrument.status is TradingStatus.CANCEL_ONLY,
        "limit_only": instrument.status is TradingStatus.LIMIT_ONLY,
        "post_only": instrument.status is TradingStatus.POST_ONLY,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": instrument.quote,
        "base_currency_id": instrument.base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": product.alias,
        "alias_to": list(product.alias_to),
        "base_display_symbol": instrument.base,
        "quote_display_symbol": "USD",
        "view_only": False,
        "price_increment": plain(instrument.price_step),
        "display_name": instrument.symbol,
        "product_venue": "CBE",
        "approximate_quote_24h_volume": plain(round(day.cost, 2)),
        "new_at": "2023-01-01T00:00:00Z",
        "market_cap": "",
        "base_cbrn": "",
        "quote_cbrn": "",
        "product_cbrn": "",
        "icon_color": "",
        "icon_url": "",
        "display_name_overwrite": "",
        "is_alpha_testing": False,
        "about_description": "",
        "best_bid_price": "",
        "best_ask_price": "",
    }


def _book(call: Call, quote: Quote, limit: int) -> dict[str, Any]:
    return {
        "product_id": quote.instrument.symbol,
        "bids": _levels(quote, Side.SELL, limit),
        "asks": _levels(quote, Side.BUY, limit),
        "time": iso(call.exchange.clock.now()),
    }


def _levels(quote: Quote, side: Side, limit: int) -> list[dict[str, str]]:
    # An endless depth is shown as ten levels of some size.
    if quote.depth is not None:
        levels = [(level.price, level.volume or ZERO) for level in quote.levels(side)]
    else:
        best, step = quote.levels(side)[0].price, quote.level_step if side is Side.BUY else -quote.level_step
        size = quote.instrument.round_size_down(_SHOWN_SHARE / best) or quote.instrument.size_step
        levels = [(best + number * step, size) for number in range(LEVELS)]
    return [{"price": plain(price), "size": plain(size)} for price, size in levels[:limit] if price > 0]
