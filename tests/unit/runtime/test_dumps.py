"""A process that refused core dumps cannot be dumped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import resource, sys
from bot.runtime.dumps import refuse_core_dumps
print(refuse_core_dumps(), resource.getrlimit(resource.RLIMIT_CORE))
import ctypes
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_that_refused_is_not_dumpable_and_has_no_room_for_a_dump() -> None:
    # In a process of its own: it cannot be taken back.
    said = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert said.stdout.splitlines() == ["True (0, 0)", "0"]
