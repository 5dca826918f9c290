"""``paper``: everything running until stopped, on a local exchange with replayed candles: a day without money."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from bot.app import CopyTradingSystem
from bot.cli.books import differences
from bot.cli.common import FAILED, ConnectBar, chosen_venues, complain, err, out, settings_with_log
from bot.cli.ending import when_asked_to_end
from bot.cli.paper import PROJECT, PaperExchange, variables_for, write_users
from bot.cli.tables import money, table
from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError, SettingsError
from bot.domain.money import shown
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.views import Views
from bot.runtime.clock import FastClock, SystemClock
from bot.settings.env import load_settings

#: One at each venue has an equal share; the smallest are below the venues' minimums now and then.
_USERS_USD = ("1000", "500", "250", "100", "5000", "20", "750", "2500")
#: Made-up candles: as many as venues tell of the past, and some weeks of the future.
_MADE_UP_CANDLES = 4_000
_REFRESH_S = 1.0
#: Between two lines of progress where there is no terminal.
_LINE_EVERY_S = 10.0
#: Seconds that orders get to end before the books are compared.
_QUIET_WITHIN_S = 20.0
_STOP_WITHIN_S = 6.0
#: Of the master's dollars, what a trade by hand is worth.
_HAND_SHARE = Decimal("0.05")
_SHOWN_ACCOUNTS = 30


def paper(
    candles: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="CSV of candles: time,open,high,low,close,volume. Made up where not given.",
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(
            min=0.1, max=3600, help="Seconds of the market that pass in one second: 300 is a day in five minutes."
        ),
    ] = 300.0,
    venues: Annotated[
        str, typer.Option(help="Where users are, with commas between; the master is on the first of them.")
    ] = BrokerType.KRAKEN,
    users: Annotated[int, typer.Option(min=1, max=500, help="How many users follow, over all venues.")] = 8,
    master_usd: Annotated[int, typer.Option(min=10, help="What the master begins with, dollars.")] = 10_000,
    strategy: Annotated[str, typer.Option(help="The strategy that trades; off trades by hand alone.")] = "rsi_ema",
    symbol: Annotated[str, typer.Option(help="What it trades.")] = "BTC-USD",
    candle_minutes: Annotated[int, typer.Option(help="Length of its candles: 1, 5, 15, 30, 60 or 1440.")] = 15,
    strategy_settings: Annotated[str, typer.Option(help="What the strategy is told, JSON.")] = "{}",
    by_hand: Annotated[
        float, typer.Option(min=0, help="The master also trades by hand every so many seconds; 0 never.")
    ] = 0.0,
    minutes: Annotated[
        float, typer.Option(min=0, help="Stop by itself after so many minutes; 0 runs until Ctrl-C.")
    ] = 0.0,
    web_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where the page is: http://127.0.0.1:8787; 0 for no page.")
    ] = 0,
    data: Annotated[
        Path | None, typer.Option(file_okay=False, help="Keep the ledger there; a temporary folder where not given.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the bot's log instead of the table.")] = False,
) -> None:
    """Trade on a local exchange until stopped: a strategy reads replayed candles, a master trades, users follow.

    Nothing leaves this machine, and no money is real. All else is the bot: its strategy, its sockets, its ledger.
    Ends (Ctrl-C, or --minutes) with a comparison of the ledger with the exchange's own books; exit code 1 on any
    difference.

    [bold]python bot.py paper --users 20 --by-hand 15 --minutes 10[/bold]
    """
    chosen = chosen_venues(venues)
    # Not an Event: a signal in the middle of its ``wait`` would wait for itself.
    asked: SimpleQueue[None] = SimpleQueue()
    when_asked_to_end(lambda: asked.put(None), late_code=FAILED)
    with tempfile.TemporaryDirectory(prefix="nija-paper-") as folder:
        file = candles or _made_up_candles(Path(folder), symbol, candle_minutes)
        arguments = ("--prices", str(file), "--replay-speed", str(speed))
        with PaperExchange(arguments) as exchange:
            scene = _Scene(exchange, data or Path(folder), chosen, symbol)
            wanted = {
                "STRATEGY": strategy,
                "STRATEGY_SYMBOLS": symbol,
                "STRATEGY_CANDLE_MINUTES": str(candle_minutes),
                "STRATEGY_SETTINGS": strategy_settings,
                "WATCH_MASTER": "true",
                "NIJA_DATA_DIR": str((data or Path(folder)) / "data"),
                "WEB_PORT": str(web_port),
            }
            found = _run(scene, _variables(scene, users, master_usd) | wanted, asked, minutes, by_hand, verbose)
    if found:
        for difference in found:
            complain(difference)
        raise typer.Exit(FAILED)


def _asked_within(asked: SimpleQueue[None], seconds: float) -> bool:
    try:
        asked.get(timeout=max(seconds, 0.0))
    except Empty:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Scene:
    exchange: PaperExchange
    folder: Path
    venues: list[BrokerType]
    symbol: str

    @property
    def lead(self) -> BrokerType:
        return self.venues[0]

    def market(self) -> dict[str, Any]:
        """The symbol where the master is."""
        found: dict[str, Any] = self.exchange.control("GET", f"/market?venue={self.lead}")[self.symbol]
        return found


def _made_up_candles(folder: Path, symbol: str, minutes: int) -> Path:
    file = folder / f"{symbol}.csv"
    command = [sys.executable, "-m", "paper_exchange.candles", "--symbol", symbol]
    command += ["--interval", str(minutes), "--minutes", str(minutes * _MADE_UP_CANDLES)]
    with file.open("w") as written, err.status("making up candles ..."):
        ended = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, text=True, cwd=PROJECT, check=False)
    if ended.returncode:
        raise SettingsError(f"--symbol: candles of {symbol} cannot be made up: {ended.stderr.strip().splitlines()[-1]}")
    return file


def _variables(scene: _Scene, users: int, master_usd: int) -> dict[str, str]:
    lead = scene.lead
    masters = scene.exchange.open_accounts({"master": str(master_usd)}, lead)
    opened: list[dict[str, str]] = []
    folder = scene.folder / "users"
    if folder.exists():
        shutil.rmtree(folder)
    for index, venue in enumerate(scene.venues):
        wanted = {
            f"user{number:03d}": _USERS_USD[number % len(_USERS_USD)]
            for number in range(users)
            if number % len(scene.venues) == index
        }
        if wanted:
            opened += scene.exchange.open_accounts(wanted, venue)
            write_users(folder, list(wanted), venue, **({} if venue is lead else {"follow": lead}))
    sockets = {f"{venue.upper()}_WS_URL": url for venue, url in scene.exchange.socket_urls.items()}
    return variables_for(scene.exchange.urls, scene.folder, masters, opened) | sockets


def _run(
    scene: _Scene, variables: dict[str, str], asked: SimpleQueue[None], minutes: float, by_hand: float, verbose: bool
) -> list[str]:
    settings, log = settings_with_log(load_settings(variables, dotenv=None), level="INFO" if verbose else "ERROR")
    market = scene.exchange.control("GET", "/market-time")
    clock = FastClock(SystemClock(), float(market["started_at"]), float(market["speed"]))
    system = CopyTradingSystem(
        settings, front_door_switches(), unattended=True, market_clock=clock, redactor=log.redactor
    )
    hand = _Hand(scene, by_hand)
    try:
        with ConnectBar() as progress:
            system.start(progress)
        _introduce(scene, settings.environment.nija_data_dir)
        deadline = time.monotonic() + minutes * 60 if minutes else float("inf")
        with _display(verbose) as show:
            while time.monotonic() < deadline and not _asked_within(
                asked, min(_REFRESH_S, deadline - time.monotonic())
            ):
                hand.trade_if_due()
                show(scene, system.ledger.views, clock)
        out.print(_accounts_table(system.ledger.views))
        return _compare(scene, system)
    finally:
        system.stop(_STOP_WITHIN_S)
        log.close()


def _introduce(scene: _Scene, data: Path) -> None:
    err.print(f"ledger: {data} - look in from elsewhere with NIJA_DATA_DIR={data} python bot.py status", soft_wrap=True)
    err.print(
        f'to trade by hand as the master: curl -d \'{{"account": "master", "symbol": "{scene.symbol}", '
        f'"side": "buy", "type": "market", "volume": "0.01"}}\' {scene.exchange.control_url}/orders',
        soft_wrap=True,
        markup=False,
    )
    err.print("Ctrl-C ends it and compares the books")


class _Hand:
    """A person at the master's own app, who buys a little and sells a little."""

    def __init__(self, scene: _Scene, every_s: float) -> None:
        self._scene = scene
        self._every_s = every_s
        self._next = time.monotonic() + every_s
        self._random = random.Random(7)
        self._bought = Decimal(0)

    def trade_if_due(self) -> None:
        """Place an order at the exchange, past the bot, when it is time."""
        if not self._every_s or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every_s
        exchange, symbol = self._scene.exchange, self._scene.symbol
        market = self._scene.market()
        account = exchange.control("GET", "/accounts/master")
        worth = Decimal(account["balances"]["USD"]) * _HAND_SHARE
        size = (worth / Decimal(str(market["ask"]))).quantize(Decimal(str(market["size_step"])))
        # What it sells it bought by hand, all of it where the rest would be too little to sell.
        sells = self._bought >= size and self._random.random() < 0.5
        side, volume = ("sell", self._bought if self._bought < 2 * size else size) if sells else ("buy", size)
        order = {"account": "master", "symbol": symbol, "type": "market"}
        try:
            exchange.control("POST", "/orders", {**order, "side": side, "volume": str(volume)})
        except NijaError as error:
            err.print(f"by hand: {error}", markup=False)
            return
        self._bought += -volume if sells else volume


@contextmanager
def _display(verbose: bool) -> Iterator[Any]:
    if verbose:
        yield lambda *_: None
    elif err.is_terminal:
        with Live(console=err, auto_refresh=False, transient=True) as live:
            yield lambda scene, views, clock: live.update(
                Group(_headline(scene, views, clock), _accounts_table(views)), refresh=True
            )
    else:
        said = [time.monotonic()]

        def line(scene: _Scene, views: Views, clock: FastClock) -> None:
            if time.monotonic() - said[0] >= _LINE_EVERY_S:
                said[0] = time.monotonic()
                err.print(_headline(scene, views, clock), soft_wrap=True)

        yield line


def _headline(scene: _Scene, views: Views, clock: FastClock) -> str:
    counts = views.counts()
    at = datetime.fromtimestamp(clock.time(), UTC)
    price = scene.market()["last"]
    return (
        f"{at:%d %b %H:%M} market time, {scene.symbol} {shown(Decimal(str(price)))}: {counts.emitted} signals, "
        f"{counts.copied} copied, {counts.skipped_total} skipped, {counts.failed} failed, {counts.open} open"
    )


def _accounts_table(views: Views) -> Table:
    rows = [
        (row.account, money(row.balance), money(row.equity), row.status)
        for row in sorted(views.accounts(), key=lambda row: (row.account.name != "master", row.account))
    ]
    title = "Accounts" if len(rows) <= _SHOWN_ACCOUNTS else f"Accounts (the first {_SHOWN_ACCOUNTS} of {len(rows)})"
    return table(title, ("account", "balance", "equity", "status"), rows[:_SHOWN_ACCOUNTS], right=("balance", "equity"))


def _compare(scene: _Scene, system: CopyTradingSystem) -> list[str]:
    system.stop_trading()
    with err.status("waiting for the last orders ..."):
        deadline = time.monotonic() + _QUIET_WITHIN_S
        found = _differences(scene, system)
        while found and time.monotonic() < deadline:
            time.sleep(0.5)
            found = _differences(scene, system)
    counts = system.ledger.views.counts()
    if not found:
        out.print(
            f"✅ the ledger and the exchange's own books agree: {counts.emitted} signals, {counts.copied} copies, "
            "none lost, none twice"
        )
    elif counts.open:
        found.append(
            f"{counts.open} copies were still on their way after {_QUIET_WITHIN_S:g} s; where the venues' rate limits "
            "hold them back, trade less often (--by-hand, --speed)"
        )
    return found


def _differences(scene: _Scene, system: CopyTradingSystem) -> list[str]:
    system.ledger.flush(5.0)
    _, found = differences(system.ledger.views, scene.exchange.control("GET", "/books"))
    return found
