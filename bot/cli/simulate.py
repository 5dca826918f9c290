"""``simulate``: the strategy and its followers over history."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.cli.common import complain, err, out, print_json
from bot.cli.simulate_tables import print_report, report_as_json
from bot.domain.enums import BrokerType
from bot.domain.errors import InvalidAmount, SettingsError
from bot.domain.ids import AccountId
from bot.domain.money import ONE, ZERO, positive, to_decimal
from bot.simulation import (
    SimulatedUser,
    Simulation,
    SimulationResult,
    draw,
    figures_of,
    made_up_users,
    read_candles,
    simulate,
    users_who_follow,
)
from bot.trading_strategy import StrategySettings, strategy_named, strategy_names

#: Ends the command's help.
EPILOG = """Try it: [bold]python bot.py simulate --candles tests/data/candles/BTC-USD_900.csv[/bold]

Then with your own users: [bold]--users config/users --balance tania_gilbert=2500[/bold], or with another strategy:
[bold]--strategy ema_cross --set slow_ema_period=34 --set stop_loss=0.03[/bold].
"""

#: A simulation that takes longer shows how far it is.
_PATIENCE_S = 2.0
_MOST_USERS = 1000
_WORDS = {"true": True, "false": False, "none": None, "null": None}


def simulate_command(
    candles: Annotated[
        Path,
        typer.Option(
            help="History: CSV with time,open,high,low,close,volume and perhaps symbol (time in unix seconds or ISO "
            "8601), or a recorded answer of Kraken's OHLC."
        ),
    ],
    symbol: Annotated[str | None, typer.Option(help="Whose candles, where the file does not tell: BTC-USD.")] = None,
    users: Annotated[
        str,
        typer.Option(
            help="Who follows: a folder of users files or one of them; or made-up users: 20 is so many of "
            "--user-balance, 1000,500,20 is one for each sum."
        ),
    ] = "1000,500,100,20",
    balance: Annotated[
        list[str] | None, typer.Option(help="What a user of the users files begins with: NAME=USD; may be repeated.")
    ] = None,
    user_balance: Annotated[str, typer.Option(help="What the other users begin with, US dollars.")] = "1000",
    master_balance: Annotated[str, typer.Option(help="What the master begins with, US dollars.")] = "10000",
    venue: Annotated[
        BrokerType, typer.Option(help="Where the master trades, and made-up users: its fees, steps and minimums.")
    ] = BrokerType.KRAKEN,
    strategy: Annotated[str, typer.Option(help=f"Who decides: {', '.join(strategy_names())}.")] = "rsi_ema",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the strategy: KEY=VALUE; may be repeated.")
    ] = None,
    fee_rate: Annotated[str | None, typer.Option(help="Every account's taker fee instead: 0.0025 is 0.25 %.")] = None,
    spread: Annotated[str, typer.Option(help="Between bid and ask, share of the close: 0.0001 is 0.01 %.")] = "0.0001",
    picture: Annotated[Path, typer.Option("--out", help="Where the picture goes, a PNG.")] = Path("simulation.png"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")] = False,
) -> None:
    """Play a strategy and its followers over history: what would each account have earned, and why not more?

    The decisions, sizes, limits and refusals are those of the code that trades live; no venue is asked and nothing is
    written but the picture. Orders fill at once at the close of the candle that decided, half the spread worse.

    The first table is everybody's result. [bold]kept[/bold] is a user's return as a share of the master's. The second
    one begins with each user's [bold]share[/bold] of what the master earned, and says what fees, rounding, limits and
    skipped trades made of it: the line adds up to what the user earned.
    """
    result = _play(
        Simulation(
            candles=read_candles(candles, None if symbol is None else symbol.strip().upper()),
            strategy=strategy_named(strategy),
            settings=_strategy_settings(setting or []),
            users=_users(users, AccountId.master(venue), _dollars(user_balance, "--user-balance"), balance or []),
            venue=venue,
            master_dollars=_dollars(master_balance, "--master-balance"),
            spread=_share(spread, "--spread"),
            fee_rate=None if fee_rate is None else _share(fee_rate, "--fee-rate"),
        ),
        _checked(picture),
    )
    report = figures_of(result)
    if as_json:
        print_json(report_as_json(result, report))
    else:
        print_report(result, report)
        out.print(f"picture: {picture}", highlight=False, soft_wrap=True)


def _play(simulation: Simulation, picture: Path) -> SimulationResult:
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("candles", visible=False)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=time.monotonic() - began > _PATIENCE_S)

        result = simulate(simulation, report)
        bar.update(task, description="drawing")
        draw(result, picture)
    return result


def _users(text: str, master: AccountId, dollars: Decimal, own: Sequence[str]) -> list[SimulatedUser]:
    balances = dict(_pair(one, "--balance") for one in own)
    sums = {name: _dollars(amount, f"--balance {name}") for name, amount in balances.items()}
    if not set(text) <= set("0123456789., "):
        users, problems = users_who_follow(Path(text), master, dollars, sums)
        for problem in problems:
            complain(str(problem))
        return users
    if sums:
        raise SettingsError("--balance is for users of users files; made-up ones have their sums in --users")
    if text.strip().isdigit():
        count = int(text)
        if count > _MOST_USERS:
            raise SettingsError(
                f"--users: at most {_MOST_USERS}, was {count}; a comma makes it a sum: --users {count},"
            )
        return made_up_users([dollars] * count, master.venue)
    return made_up_users([_dollars(one, "--users") for one in text.split(",") if one.strip()], master.venue)


def _strategy_settings(settings: Sequence[str]) -> StrategySettings:
    return StrategySettings.from_mapping(
        {name: _value(text) for name, text in (_pair(one, "--set") for one in settings)}
    )


def _value(text: str) -> object:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text


def _pair(text: str, option: str) -> tuple[str, str]:
    name, separator, value = (part.strip() for part in text.partition("="))
    if not separator or not name or not value:
        raise SettingsError(f"{option}: expected NAME=VALUE, was {text!r}")
    return name, value


def _dollars(text: str, option: str) -> Decimal:
    try:
        return positive(text.strip().removeprefix("$"), "amount")
    except InvalidAmount as error:
        raise SettingsError(f"{option}: {error}") from None


def _share(text: str, option: str) -> Decimal:
    try:
        share = to_decimal(text, "share")
    except InvalidAmount as error:
        raise SettingsError(f"{option}: {error}") from None
    if not ZERO <= share < ONE:
        raise SettingsError(f"{option}: must be at least 0 and below 1 (0.01 is 1 %), was {text}")
    return share


def _checked(picture: Path) -> Path:
    # Before minutes are spent on what cannot be kept.
    if picture.suffix.lower() != ".png":
        raise SettingsError(f"--out {picture}: must end in .png")
    if not picture.parent.is_dir():
        raise SettingsError(f"--out {picture}: there is no folder {picture.parent}")
    return picture
