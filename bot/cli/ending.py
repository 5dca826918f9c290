"""How a command ends: its exit code, and what Ctrl-C and SIGTERM do to it.

Imports nothing that takes time: whoever presses Ctrl-C at once must not see a traceback of half an import.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from types import FrameType
from typing import NoReturn

DONE, FAILED, BAD_SETTINGS, IN_USE, UNCLEAR, INTERRUPTED = 0, 1, 2, 3, 4, 130

#: What each exit code says; docs/operating.md has more words.
EXIT_CODES = {
    DONE: "done",
    FAILED: "failed or refused, or a bot that did not end in time",
    BAD_SETTINGS: "wrong use or settings",
    IN_USE: "another bot works on the data folder",
    UNCLEAR: "not known whether the master traded, or what an account has",
    INTERRUPTED: "interrupted",
}

#: Seconds after which a process that was asked to end is ended, whatever still hangs.
_LATEST_S = 9.7
#: Ends what a progress bar began.
_SHOW_CURSOR = b"\x1b[?25h"


def when_asked_to_end(do: Callable[[], None], late_code: int = INTERRUPTED) -> None:
    """From now on Ctrl-C and SIGTERM call ``do``, once; the second time they end the process at once.

    A handler runs in the main thread, between any two of its steps: ``do`` must take no lock that the main thread may
    hold.

    Args:
        late_code: exit code of a process that has not ended by itself within ten seconds.
    """
    times = count()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if next(times):
            end_process(INTERRUPTED)
        signal.setitimer(signal.ITIMER_REAL, _LATEST_S)
        do()

    def too_late(_number: int, _frame: FrameType | None) -> None:
        os.write(2, f"ended by force: something still hung after {_LATEST_S} s\n".encode())
        end_process(late_code)

    signal.signal(signal.SIGALRM, too_late)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)


def break_off() -> NoReturn:
    """Leave what the main thread is at, by way of everything that it has to close.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


def end_process(code: int) -> NoReturn:
    """End now. No buffer and no lock is touched: a signal may have come in the middle of either."""
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)
    os._exit(code)
