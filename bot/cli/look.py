"""``status``, ``signals``, ``copies``: looks at the ledger, beside a running bot or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.common import FAILED, out, print_json
from bot.cli.running import bot_is_running
from bot.cli.tables import money, table
from bot.domain.enums import OrderState, SizeType
from bot.domain.money import plain, shown
from bot.ledger.entry import ledger_url, open_views
from bot.ledger.rows import AccountRow, CopyRow, SignalRow
from bot.ledger.views import Views
from bot.settings.env import Settings, load_settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many, newest first.")]


def status(as_json: Json = False) -> None:
    """Does the bot run, is trading stopped, who is connected, what was copied. Exit code 1 when no bot runs."""
    settings = load_settings(keys=False)
    running = bot_is_running(settings)
    with views_of(settings) as views:
        switch, counts, accounts = views.kill_switch(), views.counts(), views.accounts()
    if as_json:
        print_json(
            {
                "running": running,
                "kill_switch": asdict(switch) if switch else None,
                "counts": asdict(counts),
                "accounts": [_account_json(row) for row in accounts],
            }
        )
    else:
        out.print("bot: [green]running[/green]" if running else "bot: [red]not running[/red]")
        stopped = f"[red]STOPPED[/red] - {escape(switch.reason)}" if switch else None
        out.print(f"trading: {stopped or '[green]allowed[/green]'}")
        out.print(f"signals {counts.emitted}, copied {counts.copied}, failed {counts.failed}, open {counts.open}")
        for reason, number in sorted(counts.skipped.items()):
            out.print(f"skipped, {reason}: {number}")
        rows = [
            (row.account, "yes" if row.connected else "no", money(row.balance), money(row.equity), row.status)
            for row in accounts
        ]
        columns = ("account", "connected", "balance", "equity", "status")
        out.print(table("Accounts", columns, rows, right=("balance", "equity")))
    if not running:
        raise typer.Exit(FAILED)


def signals(limit: Limit = 20, as_json: Json = False) -> None:
    """The latest trades of the masters."""
    with views_of(load_settings(keys=False)) as views:
        found = views.recent_signals(limit)
    if as_json:
        print_json([_signal_json(row) for row in found])
        return
    columns = ("time (UTC)", "master", "placed", "side", "symbol", "size", "price", "balance before", "order", "signal")
    rows = [
        (
            _time(row.timestamp),
            row.master,
            "by hand" if row.by_hand else "by the bot",
            row.side.upper(),
            row.symbol,
            shown(row.size) if row.size_type is SizeType.BASE else money(row.size),
            shown(row.price),
            money(row.master_balance),
            row.order_id,
            row.signal_id[:8],
        )
        for row in found
    ]
    out.print(table("Signals", columns, rows, right=("size", "price", "balance before")))


def copies(
    limit: Limit = 20,
    user: Annotated[str | None, typer.Option(help="Only this user_id.")] = None,
    state: Annotated[OrderState | None, typer.Option(help="Only copies in this state.")] = None,
    as_json: Json = False,
) -> None:
    """The latest copies, every one with its order or the reason why there is none."""
    with views_of(load_settings(keys=False)) as views:
        found = views.recent_copies(limit, user, state)
    if as_json:
        print_json([_copy_json(row) for row in found])
        return
    columns = ("time (UTC)", "user", "side", "symbol", "state", "size", "order or reason", "price", "fee", "ms")
    rows = [
        (
            _time(row.planned_at),
            row.account,
            row.side.upper(),
            row.symbol,
            row.state.value,
            shown(row.executed or row.quantity),
            row.order_id or row.reason,
            shown(row.average_price),
            shown(row.fee),
            None if row.milliseconds is None else f"{row.milliseconds:.0f}",
        )
        for row in found
    ]
    out.print(table("Copies", columns, rows, right=("size", "price", "fee", "ms")))


@contextmanager
def views_of(settings: Settings) -> Iterator[Views]:
    """What the ledger shows, for as long as the context lasts.

    Raises:
        LedgerUnavailable: there is no ledger yet, or it cannot be read.
    """
    environment = settings.environment
    views = open_views(ledger_url(environment.ledger_url, environment.nija_data_dir))
    try:
        yield views
    finally:
        views.close()


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%m-%d %H:%M:%S")


def _account_json(row: AccountRow) -> dict[str, Any]:
    return {
        "account": str(row.account),
        "connected": row.connected,
        "status": row.status,
        "balance": None if row.balance is None else plain(row.balance),
        "equity": None if row.equity is None else plain(row.equity),
        "checked_at": row.checked_at,
    }


def _signal_json(row: SignalRow) -> dict[str, Any]:
    return {
        "signal_id": row.signal_id,
        "master": str(row.master),
        "symbol": row.symbol,
        "side": row.side,
        "price": plain(row.price),
        "size": plain(row.size),
        "size_type": row.size_type,
        "order_id": row.order_id,
        "master_balance": plain(row.master_balance),
        "position_before": None if row.position_before is None else plain(row.position_before),
        "timestamp": row.timestamp,
        "observe_only": row.observe_only,
        "by_hand": row.by_hand,
        "filled_before": plain(row.filled_before),
    }


def _copy_json(row: CopyRow) -> dict[str, Any]:
    return {
        "signal_id": row.signal_id,
        "account": str(row.account),
        "symbol": row.symbol,
        "side": row.side,
        "state": row.state,
        "reason": row.reason,
        "note": row.note,
        "balance": plain(row.balance),
        "quantity": plain(row.quantity),
        "client_order_id": row.client_order_id,
        "order_id": row.order_id,
        "executed": plain(row.executed),
        "price": plain(row.average_price),
        "cost": plain(row.cost),
        "fee": plain(row.fee),
        "milliseconds": row.milliseconds,
        "planned_at": row.planned_at,
    }
