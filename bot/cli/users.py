"""``users``: who is configured, and how each account looked last; ``users resume``: ends a pause."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.common import BAD_SETTINGS, FAILED, complain, out, print_json
from bot.cli.look import Json, views_of
from bot.cli.running import ask_running_bot, bot_is_running
from bot.cli.tables import money, table
from bot.domain.enums import BrokerType
from bot.domain.errors import LedgerUnavailable
from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.ledger.rows import AccountRow
from bot.reporting.lines import UNDERFUNDED
from bot.settings.env import AccountSettings, Settings, load_settings
from bot.settings.users import UserSettings

#: Seconds that the running bot may take to connect an account, behind a trade that it carries out first.
_ANSWER_WITHIN_S = 90.0
#: The status of an account that has no trouble; any other says more than that its balance is low.
_ALL_WELL = "connected"

app = typer.Typer()


@app.callback(invoke_without_command=True)
def users(context: typer.Context, as_json: Json = False) -> None:
    """Who is configured, with which limits, and how each account looked last. Exit code 2 when an entry is wrong.

    A paused account says until when, and why; [bold]users resume[/bold] ends the pause.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    seen = {str(row.account): row for row in _accounts(settings)}
    rows = [_user_line(account, seen.get(str(account.account))) for account in settings.accounts]
    if as_json:
        print_json({"accounts": rows, "problems": [str(problem) for problem in settings.problems]})
    else:
        columns = ("account", "follows", "connected", "balance", "limits", "status")
        out.print(table("Accounts", columns, [tuple(row.values()) for row in rows], right=("balance",)))
        for problem in settings.problems:
            complain(str(problem))
    if settings.problems:
        raise typer.Exit(BAD_SETTINGS)


@app.command("resume")
def resume(
    user_id: Annotated[str, typer.Argument(help="Whose account; [bold]master[/bold] for the master's own.")],
    venue: Annotated[BrokerType, typer.Option(help="At which venue.")] = BrokerType.KRAKEN,
) -> None:
    """End the pause of an account that failed too often or was locked out, and connect it at once.

    For the running bot: without one there is no pause. Exit code 1 when the account is not usable afterwards.
    """
    settings = load_settings()
    if not bot_is_running(settings):
        complain("no bot is running, so nothing is paused: every account connects when the bot starts")
        raise typer.Exit(FAILED)
    payload = {"user_id": user_id, "venue": venue.value}
    result = ask_running_bot(
        settings,
        "resume_user",
        payload,
        doing="the running bot connects the account",
        look="python bot.py users",
        within_s=_ANSWER_WITHIN_S,
    )
    if not result["connected"]:
        complain(f"{result['account']} does not connect: {result['status']}")
        raise typer.Exit(FAILED)
    if result["resumed"]:
        out.print(f"▶️ {result['account']} is connected again; before it was: {result['was']}", markup=False)
    else:
        out.print(f"{result['account']} was not paused: it is connected", markup=False)


def _user_line(account: AccountSettings, seen: AccountRow | None) -> dict[str, Any]:
    user = account.user
    balance = seen.balance if seen else None
    status = seen.status if seen else "never connected"
    if status == _ALL_WELL and balance is not None and balance < MINIMUM_FUNDED_BALANCE:
        status = UNDERFUNDED
    return {
        "account": str(account.account),
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
