"""What ``simulate`` does once it is asked to."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

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
from bot.trading_strategy import StrategySettings, strategy_named

#: A simulation that takes longer shows how far it is.
_PATIENCE_S = 2.0
_MOST_USERS = 1000
_WORDS = {"true": True, "false": False, "none": None, "null": None}


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command, as they were written there."""

    candles: Path
    symbol: str | None
    users: str
    balances: Sequence[str]
    user_balance: str
    master_balance: str
    venue: BrokerType
    strategy: str
    settings: Sequence[str]
    fee_rate: str | None
    spread: str
    picture: Path


def play(wish: Wish, *, as_json: bool) -> None:
    """Simulate, draw, and print what came of it.

    Raises:
        SettingsError: an option cannot be used; the text names it.
    """
    master, symbol = AccountId.master(wish.venue), wish.symbol
    dollars = _dollars(wish.user_balance, "--user-balance")
    result = _play(
        Simulation(
            candles=read_candles(wish.candles, None if symbol is None else symbol.strip().upper()),
            strategy=strategy_named(wish.strategy),
            settings=_strategy_settings(wish.settings),
            users=_users(wish.users, master, dollars, wish.balances),
            venue=wish.venue,
            master_dollars=_dollars(wish.master_balance, "--master-balance"),
            spread=_share(wish.spread, "--spread"),
            fee_rate=None if wish.fee_rate is None else _share(wish.fee_rate, "--fee-rate"),
        ),
        _checked(wish.picture),
    )
    report = figures_of(result)
    if as_json:
        print_json(report_as_json(result, report))
    else:
        print_report(result, report)
        out.print(f"picture: {wish.picture}", highlight=False, soft_wrap=True)


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
