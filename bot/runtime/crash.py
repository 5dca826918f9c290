"""Where a test lets the process die: at a named boundary of an order's way, as ``kill -9`` would."""

from __future__ import annotations

import os
import signal
import threading
from typing import Literal, get_args

from bot.domain.errors import SettingsError

#: The boundaries, in the order in which an order passes them.
Boundary = Literal[
    "master intent committed",
    "master order sent",
    "master order answered",
    "signal emitted",
    "plan committed",
    "order sent",
    "order answered",
    "answer recorded",
    "order found",
    "fill known",
    "attempt committed",
]
BOUNDARIES: tuple[str, ...] = get_args(Boundary)


class _Armed:
    def __init__(self, boundary: str, times: int) -> None:
        self._boundary = boundary
        self._left = times
        self._lock = threading.Lock()

    def passed(self, boundary: str) -> None:
        if boundary != self._boundary:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                # The lock is kept: nobody gets past this boundary while the process dies.
                os.write(2, f"crash point: {boundary}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)


_armed: _Armed | None = None


def arm(setting: str) -> None:
    """Choose where this process dies.

    Args:
        setting: a boundary, ``plan committed``; with a number, ``order answered:37``, at the 37th time that it is
            reached; empty: nowhere.

    Raises:
        SettingsError: there is no such boundary, or the number is none.
    """
    global _armed
    boundary, _, times = (part.strip() for part in setting.partition(":"))
    if not setting.strip():
        _armed = None
        return
    if boundary not in BOUNDARIES:
        raise SettingsError(f"no crash point {boundary!r}; there are: {', '.join(BOUNDARIES)}")
    if ":" in setting and not (times.isascii() and times.isdigit() and int(times) > 0):
        raise SettingsError(f"crash point {setting!r}: after the colon comes a number from 1")
    _armed = _Armed(boundary, int(times or 1))


def reached(boundary: Boundary) -> None:
    """The process is at a boundary. Where this is the one and it is the time, the call does not return."""
    if _armed is not None:
        _armed.passed(boundary)
