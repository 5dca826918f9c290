"""``ledger check``: does the ledger say the same as the venues?"""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bot.app.check import LedgerCheck, looking
from bot.cli.common import BAD_SETTINGS, FAILED, UNCLEAR, ConnectBar, complain, out, print_json, settings_with_log
from bot.cli.look import Json, views_of
from bot.cli.running import ask_running_bot, bot_is_running
from bot.cli.tables import table
from bot.settings.env import Settings, load_settings

#: Seconds that the running bot may take with one step, behind a trade that it carries out first.
_ANSWER_WITHIN_S = 120.0
#: Seconds between two steps: the first, and at most.
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_LOOK = "python bot.py ledger check"
_DAY_S = 86_400.0

Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only orders since then, UTC: 2026-01-31."),
]
Days = Annotated[float | None, typer.Option(min=0.0, help="Only orders of the last so many days.")]


def check(since: Since = None, days: Days = None, as_json: Json = False) -> None:
    """Compare every order and the copied coins with the venues; list each difference.

    Sends no order. A running bot asks its accounts beside its work; without one this command connects them. Long
    histories take their time: Kraken gives 50 orders every 12 s (Starter) or 4 s (Pro). Exit code 0 when everything
    agrees, 1 on a difference, 4 when an account could not be asked and the others agree.
    """
    if since is not None and days is not None:
        complain("say since when either with --since or with --days")
        raise typer.Exit(BAD_SETTINGS)
    settings = load_settings()
    start = _start(since, days)
    by = _by_the_running_bot if bot_is_running(settings) else _by_itself
    report = _completed(settings, by(settings, start))
    if as_json:
        print_json(report)
    else:
        _show(report)
    if report["differences"]:
        raise typer.Exit(FAILED)
    if report["not_asked"]:
        raise typer.Exit(UNCLEAR)


def _start(since: datetime | None, days: float | None) -> float | None:
    if days is not None:
        return time.time() - days * _DAY_S
    return None if since is None else since.replace(tzinfo=UTC).timestamp()


def _by_the_running_bot(settings: Settings, since: float | None) -> dict[str, Any]:
    step, pause_s = {"check": str(uuid.uuid4()), "since": since}, _PAUSE_S
    doing = "the running bot asks its accounts"
    while True:
        result = ask_running_bot(settings, "ledger_check", step, doing=doing, look=_LOOK, within_s=_ANSWER_WITHIN_S)
        if "report" in result:
            report: dict[str, Any] = result["report"]
            return report
        doing = f"the running bot asks its accounts, {result['through']} of {result['total']} are through"
        # The bot's lanes work meanwhile; rows of another process bring no event with them.
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def _by_itself(settings: Settings, since: float | None) -> dict[str, Any]:
    settings, log = settings_with_log(settings, level="ERROR")
    try:
        with views_of(settings) as views, ExitStack() as stack:
            with ConnectBar() as connecting:
                manager, left_out = stack.enter_context(looking(settings, connecting))
            check = LedgerCheck(manager.brokers, views, since, left_out)
            with ConnectBar("asking accounts for their orders") as progress:
                progress(0, check.total)
                while not check.advance(_PAUSE_S):
                    progress(check.through, check.total)
            return check.as_json()
    finally:
        log.close()


def _completed(settings: Settings, report: dict[str, Any]) -> dict[str, Any]:
    """Adds ``not_asked``, a line for each account that could not be, and ``not_set_up``, accounts of the past."""
    with views_of(settings) as views:
        seen = {str(row.account): row.status for row in views.accounts()}
    asked = {row["account"]: row for row in report["accounts"]}
    wanted = [str(account.account) for account in settings.accounts]
    not_asked = [f"{name}: {row['problem']}" for name, row in asked.items() if row["problem"]]
    not_asked += [
        f"{name}: the running bot does not have it ({seen.get(name, 'never connected')}); restart the bot"
        for name in wanted
        if name not in asked
    ]
    not_asked += [str(problem) for problem in settings.problems]
    return {**report, "not_asked": not_asked, "not_set_up": sorted(seen.keys() - asked.keys() - set(wanted))}


def _show(report: dict[str, Any]) -> None:
    differences, unsettled = report["differences"], report["unsettled"]
    columns = ("account", "order", "what", "ledger", "venue", "mend")
    for title, lines in (("Differences", differences), ("Not settled yet", unsettled)):
        if lines:
            out.print(table(title, columns, [[line[column] for column in columns] for line in lines]))
    for line in report["not_asked"]:
        complain(f"not compared: {line}; mend this, and check again")
    for name in report["not_set_up"]:
        out.print(f"not compared, for it is not set up any more: {name}", markup=False, soft_wrap=True)
    out.print(_summary(report), markup=False, highlight=False, soft_wrap=True)


def _summary(report: dict[str, Any]) -> str:
    compared = [row for row in report["accounts"] if not row["problem"]]
    columns = ("orders", "own_orders", "by_hand_orders")
    orders, own, by_hand = (sum(row[column] for row in compared) for column in columns)
    differences, unsettled = len(report["differences"]), len(report["unsettled"])
    verdict = f"❌ {differences} differences" if differences else "✅ the ledger and the venues agree"
    parts = [f"{verdict}: {len(compared)} accounts compared, {orders} orders at the venues"]
    if own:
        parts.append(f"{own} of them not the bot's")
    if by_hand:
        parts.append(f"{by_hand} of them placed by hand and copied")
    if unsettled:
        parts.append(f"{unsettled} not settled yet")
    if report["not_asked"]:
        parts.append(f"{len(report['not_asked'])} accounts not compared")
    return ", ".join(parts)
