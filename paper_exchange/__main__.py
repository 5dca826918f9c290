"""`python -m paper_exchange`: reads the command line, builds the exchange, runs it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from paper_exchange.control import Control
from paper_exchange.core.first_prices import FIRST_PRICES
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.prices import FixedPrices, PriceSource, ReplayPrices, WalkPrices
from paper_exchange.core.world import PriceChoice, World
from paper_exchange.service import Doors, run
from paper_exchange.venues import build_all

_DEFAULT_SYMBOL = "BTC-USD"


def main(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Kraken REST API; 0 takes any free one.")
    ] = 8801,
    coinbase_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Coinbase Advanced Trade API; 0 takes any free one.")
    ] = 0,
    alpaca_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Alpaca Trading API; 0 takes any free one.")
    ] = 0,
    control_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the control API; 0 takes any free one.")
    ] = 8802,
    host: Annotated[str, typer.Option(help="Address of the venues' APIs. The control API is on loopback only.")] = (
        "127.0.0.1"
    ),
    seed: Annotated[int, typer.Option(help="Makes prices, price history and generated keys repeatable.")] = 7,
    latency_ms: Annotated[float, typer.Option(min=0, help="How long every call waits before it is processed.")] = 0.0,
    accounts: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON list of accounts, as for POST /accounts."),
    ] = None,
    prices: Annotated[
        str,
        typer.Option(help="walk (seeded random walk), fixed, or a CSV file: time,open,high,low,close,volume[,symbol]."),
    ] = "walk",
    replay_speed: Annotated[
        float, typer.Option(min=0.001, help="Seconds of the CSV file that pass in one second.")
    ] = 1.0,
    parent_pid: Annotated[int | None, typer.Option(help="Stop when the process with this id is gone.")] = None,
) -> None:
    """A local exchange that speaks the REST protocols of the venues, with simulated accounts and markets.

    When all ports listen, one line of JSON on stdout says where:

    {"ready": true, "kraken_url": "http://...", "kraken_ws_url": "ws://...", "control_url": "http://..."}

    Logs go to stderr. Open accounts with POST /accounts at the control URL.
    The answer holds their API keys; give them to a client of the venue with the venue's URL.
    SIGTERM or Ctrl-C ends it; nothing is kept.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        venues = build_all(World(seed, _price_choice(prices, seed, replay_speed)), latency_ms)
        if accounts is not None:
            Control(venues).open_accounts(accounts.read_bytes())
        ports = {"kraken": port, "coinbase": coinbase_port, "alpaca": alpaca_port}
        run(venues, Doors(host, ports, control_port), parent_pid)
    except (ValidationError, ValueError, OSError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(2) from error


def _price_choice(prices: str, seed: int, replay_speed: float) -> PriceChoice:
    def choose(
        instruments: Mapping[str, Instrument], first_prices: Mapping[str, Decimal], started_at: float
    ) -> PriceSource:
        fixed = FixedPrices(seed, first_prices)
        if prices == "fixed":
            return fixed
        if prices == "walk":
            return WalkPrices(seed, first_prices, started_at, instruments)
        path = Path(prices)
        symbol = path.stem if path.stem in FIRST_PRICES else _DEFAULT_SYMBOL
        return ReplayPrices(path, replay_speed, fixed, started_at, symbol)

    return choose


if __name__ == "__main__":
    typer.run(main)
