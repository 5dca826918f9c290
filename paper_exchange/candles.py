"""`python -m paper_exchange.candles`: makes a file of candles for `--prices`, for whoever has none."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from paper_exchange.alpaca.instruments import Catalogue as AlpacaCatalogue
from paper_exchange.coinbase.instruments import Catalogue as CoinbaseCatalogue
from paper_exchange.core.candle_files import write_candles
from paper_exchange.core.candles import MINUTE, Candle, SeededHistory
from paper_exchange.core.first_prices import FIRST_PRICES
from paper_exchange.core.instruments import Instrument
from paper_exchange.kraken.instruments import Catalogue as KrakenCatalogue

_SYMBOLS = ["BTC-USD"]


def main(
    symbol: Annotated[
        list[str], typer.Option(help="Canonical symbol, like BTC-USD; give it again for more than one.")
    ] = _SYMBOLS,
    minutes: Annotated[int, typer.Option(min=1, max=5_000_000, help="How long the file is.")] = 20_000,
    interval: Annotated[int, typer.Option(min=1, max=10_080, help="Minutes of one candle.")] = 1,
    seed: Annotated[int, typer.Option(help="Makes the prices; the same seed makes the same file.")] = 7,
    start: Annotated[str, typer.Option(help="Beginning of the first candle, ISO 8601; UTC where no zone is given.")] = (
        "2026-01-01"
    ),
) -> None:
    """Writes candles of a seeded random walk to stdout, as CSV: time,open,high,low,close,volume,symbol.

    The volatility is about that of Bitcoin, and the last close is the symbol's price of today. Prices are on the price
    steps of all venues. The start is moved down to a multiple of the interval. To play a file a thousand times faster
    than life:

    python -m paper_exchange.candles --minutes 20000 > candles.csv

    python -m paper_exchange --prices candles.csv --replay-speed 1000
    """
    known = {name: instrument for name, instrument in all_instruments().items() if name in FIRST_PRICES}
    for name in symbol:
        if name not in known:
            raise typer.BadParameter(f"{name} is not one of {', '.join(sorted(known))}", param_hint="--symbol")
    length = interval * MINUTE
    first = _unix_seconds(start) // length * length
    count = max(minutes // interval, 1)
    write_candles(sys.stdout, {name: make_candles(seed, known[name], first, length, count) for name in symbol})


def _unix_seconds(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time in ISO 8601", param_hint="--start") from None
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp())


def make_candles(seed: int, instrument: Instrument, first: int, interval_s: int, count: int) -> list[Candle]:
    """Candles of a seeded random walk that ends at the symbol's first price.

    `first`: unix seconds, a multiple of `interval_s`. Raises KeyError for a symbol that has no first price.
    """
    last_price: Decimal = FIRST_PRICES[instrument.symbol]
    return SeededHistory(seed, instrument, last_price)(interval_s, first + count * interval_s, count)


def all_instruments() -> dict[str, Instrument]:
    """What any venue lists, by symbol; of several the one whose prices are the coarsest, which are prices at all."""
    catalogues = (KrakenCatalogue(), CoinbaseCatalogue(), AlpacaCatalogue())
    found: dict[str, Instrument] = {}
    for catalogue in catalogues:
        for symbol, instrument in catalogue.instruments.items():
            if symbol not in found or instrument.price_step > found[symbol].price_step:
                found[symbol] = instrument
    return found


if __name__ == "__main__":
    typer.run(main)
