"""`python -m paper_exchange`: reads the command line, builds the exchange, runs it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from paper_exchange.control import Control
from paper_exchange.control_models import NewAccount
from paper_exchange.core.clock import Clock
from paper_exchange.core.prices import FixedPrices, PriceSource, ReplayPrices, WalkPrices
from paper_exchange.core.settings import Settings
from paper_exchange.kraken.instruments import Catalogue
from paper_exchange.kraken.setup import PriceChoice, build
from paper_exchange.service import Doors, run

_DEFAULT_SYMBOL = "BTC-USD"


def main(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Kraken REST API; 0 takes any free one.")
    ] = 8801,
    control_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the control API; 0 takes any free one.")
    ] = 8802,
    host: Annotated[str, typer.Option(help="Address of the Kraken REST API. The control API is on loopback only.")] = (
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
    """A local exchange that speaks Kraken's REST protocol, with simulated accounts and markets.

    When both ports listen, one line of JSON on stdout says where:

    {"ready": true, "kraken_url": "http://...", "control_url": "http://..."}

    Logs go to stderr. Open accounts with POST /accounts at the control URL.
    The answer holds their API keys; give them to a Kraken client with the Kraken URL.
    SIGTERM or Ctrl-C ends it; nothing is kept.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        venue = build(_price_choice(prices, seed, replay_speed), Settings(latency_ms=latency_ms), seed)
        if accounts is not None:
            wanted = TypeAdapter(list[NewAccount]).validate_json(accounts.read_bytes())
            Control(venue).open_accounts(wanted)
        run(venue, Doors(host, port, control_port), parent_pid)
    except (ValidationError, ValueError, OSError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(2) from error


def _price_choice(prices: str, seed: int, replay_speed: float) -> PriceChoice:
    def choose(catalogue: Catalogue, clock: Clock) -> PriceSource:
        fixed = FixedPrices(seed, catalogue.start_prices)
        if prices == "fixed":
            return fixed
        if prices == "walk":
            return WalkPrices(seed, catalogue.start_prices, clock.now(), catalogue.instruments)
        path = Path(prices)
        symbol = path.stem if path.stem in catalogue.instruments else _DEFAULT_SYMBOL
        return ReplayPrices(path, replay_speed, fixed, clock.now(), symbol)

    return choose


if __name__ == "__main__":
    typer.run(main)
