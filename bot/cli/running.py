"""The running bot, as other processes see it: by its lock, and by the command rows that it answers."""

from __future__ import annotations

import time
from typing import Any

import typer
from filelock import FileLock, Timeout

from bot.app.folder import unusable
from bot.cli.common import FAILED, complain, err
from bot.ledger.commands import Command, CommandState
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from bot.settings.env import Settings


def bot_is_running(settings: Settings) -> bool:
    """Whether a bot holds the lock of the data folder."""
    folder = settings.environment.nija_data_dir
    try:
        if not (folder / "bot.lock").exists():
            return False
        with FileLock(folder / "bot.lock", timeout=0):
            return False
    except Timeout:
        return True
    except OSError as error:
        raise unusable(folder, error) from error


def ask_running_bot(
    settings: Settings, kind: str, payload: dict[str, Any], *, doing: str, look: str, within_s: float
) -> dict[str, Any]:
    """Post a command row and wait for its result.

    Args:
        doing: what is shown while it waits: ``the running bot trades``.
        look: a command that tells what became of it, where it cannot be waited for.
        within_s: how long the bot may take.

    Raises:
        typer.Exit: the bot could not carry it out, or has not answered; a line about it was written.
    """
    environment = settings.environment
    with Ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), SystemClock()) as ledger:
        number = ledger.post_command(kind, payload)
        try:
            with err.status(f"{doing} ..."):
                command = _answered(ledger, number, within_s)
        except KeyboardInterrupt:
            if ledger.withdraw_command(number):
                complain("interrupted before the running bot took it: nothing was done")
            else:
                complain(f"interrupted; {doing} all the same, and what becomes of it shows: {look}")
            raise
        # One that stayed in the queue would be carried out by the next bot, beside a second try of the same.
        if command is None and ledger.withdraw_command(number):
            complain("no bot has taken the command: nothing was done, and nothing will be")
            raise typer.Exit(FAILED)
    if command is None:
        complain(f"the running bot has not answered command {number}; look with: {look}")
        raise typer.Exit(FAILED)
    result = command.result or {}
    if "error" in result:
        complain(str(result["error"]))
        raise typer.Exit(FAILED)
    return result


def _answered(ledger: Ledger, number: int, within_s: float) -> Command | None:
    deadline = time.monotonic() + within_s
    while (command := ledger.command(number)).state in (CommandState.QUEUED, CommandState.TAKEN):
        if time.monotonic() > deadline:
            return None
        # Rows of another process bring no event with them.
        time.sleep(0.05)
    return command
