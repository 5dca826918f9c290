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

from paper_exchange.candles import all_instruments
from paper_exchange.control import Control
from paper_exchange.core.candle_files import CandleRows, read_candles
from paper_exchange.core.instruments import Instrument
from paper_exchange.core.prices import FixedPrices, PriceSource, ReplayPrices, WalkPrices
from paper_exchange.core.replay import Replay
from paper_exchange.core.world import World
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
        typer.Option(
            help="walk (seeded random walk), fixed, or a CSV file of candles with the columns time (unix seconds or "
            "ISO 8601), open, high, low, close, volume and maybe symbol. `python -m paper_exchange.candles` makes one."
        ),
    ] = "walk",
    replay_speed: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=1_000_000,
            help="Seconds of the CSV file that pass in one second. Candles and prices of the market follow the file in "
            "this market time (GET /market-time at the control URL); orders, fills, deadlines and nonces stay in real "
            "time. After the last candle prices stay and no further candle comes.",
        ),
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
        choice = _Prices(prices, seed, replay_speed)
        venues = build_all(World(seed, choice), latency_ms)
        if choice.replay is not None:
            for venue in venues.values():
                venue.exchange.settings.price_interval_s = choice.replay.step_s
        if accounts is not None:
            Control(venues).open_accounts(accounts.read_bytes())
        ports = {"kraken": port, "coinbase": coinbase_port, "alpaca": alpaca_port}
        run(venues, Doors(host, ports, control_port), parent_pid)
    except (ValidationError, ValueError, OSError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(2) from error


class _Prices:
    """Where the prices of each venue come from; a file is read at once, and only once for all of them."""

    def __init__(self, prices: str, seed: int, replay_speed: float) -> None:
        """Raises ValueError or OSError for a file that cannot be read."""
        self._prices = prices
        self._seed = seed
        self._speed = replay_speed
        self._rows = {} if prices in {"fixed", "walk"} else _read(Path(prices))
        self.replay: Replay | None = None

    def __call__(
        self, instruments: Mapping[str, Instrument], first_prices: Mapping[str, Decimal], started_at: float
    ) -> PriceSource:
        fixed = FixedPrices(self._seed, first_prices)
        if self._prices == "fixed":
            return fixed
        if self._prices == "walk":
            return WalkPrices(self._seed, first_prices, started_at, instruments)
        if self.replay is None:
            self.replay = Replay(self._rows, self._speed, started_at)
        return ReplayPrices(self.replay, fixed)


def _read(path: Path) -> dict[str, CandleRows]:
    known = all_instruments()
    return read_candles(path, path.stem if path.stem in known else _DEFAULT_SYMBOL, known)


if __name__ == "__main__":
    typer.run(main)
