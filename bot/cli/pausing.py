"""``observe``, ``users pause`` and ``users unpause``: switches that a running bot obeys within a second."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from bot.cli.common import FAILED, complain, out
from bot.cli.control import note_command, open_ledger
from bot.domain.enums import AccountType, BrokerType
from bot.domain.ids import AccountId
from bot.ledger.journal import Ledger
from bot.ledger.switches import OBSERVE, pause_of
from bot.settings.env import load_settings
from bot.settings.users import load_users

UserId = Annotated[str, typer.Argument(help="Whose account, as in its users file.")]
Venue = Annotated[BrokerType, typer.Option(help="At which venue.")]


def observe(
    reason: Annotated[str, typer.Argument(help="Why; everyone who asks is told.")] = "switched on by the operator",
    off: Annotated[bool, typer.Option("--off", help="Switch it off: copies are placed again.")] = False,
) -> None:
    """Observe mode: copies are planned and written down, and none is placed, until [bold]observe --off[/bold].

    Now and after every restart, for entries and exits; what the masters trade is traded. With --off, exits that waited
    are carried out; what was only written down is not.
    """
    with open_ledger() as ledger:
        if off:
            was = ledger.lift_switch(OBSERVE, getpass.getuser())
        else:
            ledger.set_switch(OBSERVE, reason, getpass.getuser())
    note_command("observe off" if off else f"observe: {reason}")
    if not off:
        out.print(f"👀 observe mode is ON: {reason}", markup=False)
        out.print("No copy is placed until: python bot.py observe --off")
        return
    out.print("▶️ observe mode is off" if was else "observe mode was not on")
    if load_settings(keys=False).environment.observe_only:
        out.print("⚠️ OBSERVE_ONLY is still set in the environment: no copy is placed until it is taken out")


def pause(
    user_id: UserId,
    reason: Annotated[str, typer.Option(help="Why; everyone who asks is told.")],
    venue: Venue = BrokerType.KRAKEN,
) -> None:
    """Let an account get no more entries, now and after every restart, until [bold]users unpause[/bold].

    Its exits go on: what it copied is sold when its master sells. Exit code 1 when there is no such account.
    """
    account = AccountId(user_id, venue)
    if account.account_type is AccountType.MASTER:
        complain(f"{account} is a master, and only users are paused; everybody is stopped by: python bot.py kill")
        raise typer.Exit(FAILED)
    reason = " ".join(reason.split())
    if not reason:
        complain("--reason is empty: say why, everyone who asks is told")
        raise typer.Exit(FAILED)
    with open_ledger() as ledger:
        _check(account, ledger)
        ledger.set_switch(pause_of(account), reason, getpass.getuser())
    note_command(f"pause {account}: {reason}", account=str(account), reason=reason)
    out.print(f"⏸️ {account} is PAUSED: {reason}", markup=False)
    end = f"python bot.py users unpause {user_id} --venue {venue.value}"
    out.print(f"It makes no entries until: {end}", markup=False, soft_wrap=True)


def unpause(user_id: UserId, venue: Venue = BrokerType.KRAKEN) -> None:
    """End the pause of an account: it copies entries again. What it did not copy meanwhile is not made up for.

    Exit code 1 when there is no such account.
    """
    account = AccountId(user_id, venue)
    with open_ledger() as ledger:
        was = ledger.lift_switch(pause_of(account), getpass.getuser())
        if was is None:
            _check(account, ledger)
    note_command(f"unpause {account}", account=str(account))
    if was is None:
        out.print(f"{account} was not paused", markup=False)
    else:
        out.print(f"▶️ {account} is not paused any more; it was: {was.reason}", markup=False)


def _check(account: AccountId, ledger: Ledger) -> None:
    # The running bot may know a user whose file is broken at this moment.
    entries, _ = load_users(load_settings(keys=False).environment.nija_users_dir)
    if account in {user.account for user in entries} | {row.account for row in ledger.views.accounts()}:
        return
    complain(f"there is no account {account}; look at: python bot.py users")
    raise typer.Exit(FAILED)
