"""``users``: who is configured, and how each account looked last."""

from __future__ import annotations

from typing import Any

import typer

from bot.cli.common import BAD_SETTINGS, complain, out, print_json
from bot.cli.look import Json, views_of
from bot.cli.tables import money, table
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.ledger.rows import AccountRow
from bot.reporting.lines import UNDERFUNDED
from bot.settings.env import Settings, load_settings
from bot.settings.users import UserSettings

#: The status of an account that has no trouble; any other says more than that its balance is low.
_ALL_WELL = "connected"


def users(context: typer.Context, as_json: Json = False) -> None:
    """Who is configured, with which limits, and how each account looked last. Exit code 2 when an entry is wrong.

    A paused account says until when, and why; [bold]users resume[/bold] ends the pause. [bold]users add[/bold],
    [bold]edit[/bold], [bold]disable[/bold], [bold]enable[/bold] and [bold]remove[/bold] change the users files; a
    running bot takes a change within seconds.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    seen = {str(row.account): row for row in _accounts(settings)}
    rows = [_user_line(one.account, one.user, seen.get(str(one.account))) for one in settings.accounts]
    rows += [_user_line(one.account, one, seen.get(str(one.account))) for one in settings.entries if not one.enabled]
    if as_json:
        print_json({"accounts": rows, "problems": [str(problem) for problem in settings.problems]})
    else:
        columns = ("account", "follows", "connected", "balance", "limits", "status")
        out.print(table("Accounts", columns, [tuple(row.values()) for row in rows], right=("balance",)))
        for problem in settings.problems:
            complain(str(problem))
    if settings.problems:
        raise typer.Exit(BAD_SETTINGS)


def _user_line(account: AccountId, user: UserSettings | None, seen: AccountRow | None) -> dict[str, Any]:
    balance = seen.balance if seen else None
    status = seen.status if seen else "never connected"
    if status == _ALL_WELL and balance is not None and balance < MINIMUM_FUNDED_BALANCE:
        status = UNDERFUNDED
    if user is not None and not user.enabled:
        status = f"disabled: no entries, exits go on ({status})"
    return {
        "account": str(account),
        "follows": "-" if user is None else str(user.master or "nobody"),
        "connected": "yes" if seen and seen.connected else "no",
        "balance": money(balance),
        "limits": "-" if user is None else _limits(user),
        "status": status,
    }


def _limits(user: UserSettings) -> str:
    risk = "10" if user.max_user_risk is None else f"{user.max_user_risk * 100:f}".rstrip("0").rstrip(".")
    parts = [f"risk {risk} %", f"x{user.multiplier}"]
    if user.max_trade_usd is not None:
        parts.append(f"at most {money(user.max_trade_usd)}")
    return ", ".join(parts)


def _accounts(settings: Settings) -> list[AccountRow]:
    try:
        with views_of(settings) as views:
            return views.accounts()
    except LedgerUnavailable:
        # Before the first run there is no ledger: nothing was ever connected.
        return []
