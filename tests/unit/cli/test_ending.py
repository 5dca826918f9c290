"""What signals do to a process: the first lets it end in order, the second ends it, and so does time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
#: Says "ready", and then what becomes of it. The lock is one that a handler must not wait for.
PROGRAM = """
import sys, threading
from bot.cli import ending
ending._LATEST_S = float(sys.argv[1])
def do():
    print("asked", flush=True)
    if sys.argv[2] == "break off":
        ending.break_off()
ending.when_asked_to_end(do, late_code=7)
held = threading.Lock()
held.acquire()
try:
    print("ready", flush=True)
    held.acquire(timeout=120)
finally:
    print("closed", flush=True)
"""


def begin(latest_s: float, way: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(latest_s), way],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_closes_everything_on_the_way_out(number: signal.Signals) -> None:
    process = begin(30, "break off")
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert out.splitlines() == ["asked", "closed"]
    assert "KeyboardInterrupt" in err


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_process_at_once(first: signal.Signals) -> None:
    process = begin(30, "go on")
    process.send_signal(first)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert time.monotonic() - began < 1
    assert process.returncode == 130
    assert (out, err) == ("", "")


def test_a_process_that_still_hangs_when_its_time_is_over_is_ended_and_says_so() -> None:
    process = begin(0.3, "go on")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert 0.25 < time.monotonic() - began < 5
    assert process.returncode == 7
    assert out == "asked\n"
    assert "ended by force" in err
    assert "Traceback" not in err
