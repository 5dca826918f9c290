"""``health``: whether the running bot does its work, for containers and watchdogs."""

from __future__ import annotations

import typer

from bot.app.heartbeat import FRESH_S, read_heartbeat
from bot.cli.common import FAILED, complain, out
from bot.runtime.clock import SystemClock
from bot.settings.env import load_settings


def health() -> None:
    """Does the running bot do its work? Exit code 0 when it does, 1 when not, with the reason in one line.

    The copy engine's heartbeat and the ledger are looked at: a process that is there and hangs is not well.
    """
    # A watchdog has nobody who types a passphrase.
    folder = load_settings(keys=False).environment.nija_data_dir
    beat = read_heartbeat(folder)
    age_s = None if beat is None else SystemClock().time() - beat.at
    if beat is None or age_s is None:
        reason = f"no bot has worked on {folder} yet; start it: python bot.py"
    elif age_s < -FRESH_S:
        reason = (
            f"the last sign of life on {folder} is {-age_s:.0f} s ahead of this machine's clock, which was set back; "
            "whether the bot runs says: python bot.py status"
        )
    elif age_s > FRESH_S:
        reason = (
            f"the last sign of life on {folder} is {age_s:.0f} s old; look at the log, start it again: python bot.py"
        )
    else:
        reason = beat.reason
    if reason:
        complain(reason)
        raise typer.Exit(FAILED)
    out.print("✅ the bot does its work", markup=False)
