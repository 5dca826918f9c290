"""``kill`` and ``resume``: the switch that a running bot obeys within a second, and that outlives restarts."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from bot.app.folder import make_data_folder
from bot.audit.entries import AuditKind
from bot.cli.audit import write_down
from bot.cli.common import out
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from bot.settings.env import load_settings


def kill(
    reason: Annotated[str, typer.Argument(help="Why; everyone who asks is told.")] = "stopped by the operator",
) -> None:
    """Stop all trading, now and after every restart, until [bold]resume[/bold]. Open positions stay as they are."""
    with open_ledger() as ledger:
        ledger.set_kill_switch(reason, getpass.getuser())
    note_command(f"kill: {reason}", reason=reason)
    out.print(f"🛑 kill switch is ON: {reason}", markup=False)
    out.print("No order leaves until: python bot.py resume")


def resume() -> None:
    """Lift the kill switch. Exits that waited for it are carried out; entries that were skipped are not."""
    with open_ledger() as ledger:
        was = ledger.kill_switch()
        ledger.lift_kill_switch(getpass.getuser())
    note_command("resume")
    out.print("▶️ kill switch is lifted" if was else "the kill switch was not on")
    if load_settings(keys=False).environment.system_disabled:
        out.print("⚠️ SYSTEM_DISABLED is still set in the environment: nothing is traded until it is taken out")


def note_command(what: str, **detail: str) -> None:
    """Write into the audit log what somebody asked for here; the ledger does not keep who lifted a switch."""
    write_down(load_settings(keys=False).environment.nija_data_dir, AuditKind.COMMAND, what, **detail)


def open_ledger() -> Ledger:
    """The ledger that the settings name, to be opened as a context; its folder is made if it is not there."""
    environment = load_settings(keys=False).environment
    make_data_folder(environment.nija_data_dir)
    return Ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), SystemClock())
