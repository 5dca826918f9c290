"""No core dumps: the memory of this process holds every key."""

from __future__ import annotations

import ctypes
import logging
import resource
import sys

_log = logging.getLogger("nija.dumps")

#: From <sys/prctl.h>.
_PR_SET_DUMPABLE = 4


def refuse_core_dumps() -> bool:
    """Let no crash write this process's memory to a disk, and no other process of the user read it; whether that is so.

    The limit holds for processes that it starts too. On Linux the process is also not dumpable (prctl(2)), which a core
    pattern with a pipe asks for, and which keeps ``/proc/<pid>/mem`` and ptrace to root.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform.startswith("linux"):
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")
    except (OSError, ValueError, AttributeError) as error:
        _log.warning("core dumps cannot be switched off: %s", error)
        return False
    return True
