"""``run``: everything, until it is told to stop."""

from __future__ import annotations

import logging
import sys
from queue import Empty, SimpleQueue
from typing import NoReturn

import typer

from bot.app import CopyTradingSystem
from bot.cli.common import BAD_SETTINGS, FAILED, INTERRUPTED, ConnectBar, complain, settings_with_log
from bot.cli.ending import end_process, when_asked_to_end
from bot.kraken_copy_trading import front_door_switches
from bot.reporting.log import LogSetup
from bot.runtime.dumps import refuse_core_dumps
from bot.settings.env import Settings

_log = logging.getLogger("nija")

#: A signal that comes between the last step of the main thread and its wait does not end the wait: its handler runs
#: when the thread takes its next step, which is after this many seconds at the latest.
_LOOK_S = 0.5
#: Seconds for orders in flight to answer once a stop was asked for.
_STOP_WITHIN_S = 9.0


def default(context: typer.Context) -> None:
    """Without a command: run."""
    if context.invoked_subcommand is None:
        run()


def run() -> None:
    """Connect every account and copy until stopped by Ctrl-C or SIGTERM; at the start, or the second time, at once.

    The masters trade by the strategy of STRATEGY (off: not by themselves), and what they trade by hand is copied too
    (WATCH_MASTER).
    """
    refuse_core_dumps()
    settings, log = settings_with_log()
    _refuse_nothing_to_do(settings)
    system = CopyTradingSystem(settings, front_door_switches(), unattended=True, redactor=log.redactor)
    # Not an Event: it has a lock, and a signal in the middle of its ``wait`` would wait for itself.
    asked: SimpleQueue[None] = SimpleQueue()

    def end() -> None:
        if not system.trades:
            # While accounts connect nothing has been traded, and a venue that hangs would be waited for.
            end_process(INTERRUPTED)
        asked.put(None)

    when_asked_to_end(end, late_code=FAILED)
    with ConnectBar() as progress:
        system.start(progress)
    _wait_for(asked)
    _log.info("stopping: orders in flight get up to %s s", _STOP_WITHIN_S)
    if system.stop(_STOP_WITHIN_S):
        _leave_at_once(FAILED, log)
    log.close()


def _wait_for(asked: SimpleQueue[None]) -> None:
    while True:
        try:
            asked.get(timeout=_LOOK_S)
        except Empty:
            continue
        return


def _refuse_nothing_to_do(settings: Settings) -> None:
    if settings.masters or any(one.user is not None and one.user.independent for one in settings.users):
        return
    for problem in settings.problems:
        complain(str(problem))
    complain(
        "no master account: set KRAKEN_MASTER_API_KEY and KRAKEN_MASTER_API_SECRET in the environment or .env "
        "(to try without keys: python bot.py demo)"
    )
    raise typer.Exit(BAD_SETTINGS)


def _leave_at_once(code: int, log: LogSetup) -> NoReturn:
    # The interpreter's own way out waits for every thread that waits for a venue.
    log.close()
    sys.stdout.flush()
    sys.stderr.flush()
    end_process(code)
