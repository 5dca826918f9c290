"""A process that dies where a test said: at that boundary, at that time, by SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.errors import SettingsError
from bot.runtime import crash

REPOSITORY = Path(__file__).resolve().parents[3]
#: Eight threads that pass two boundaries a hundred times each and say so.
PROGRAM = """
import sys, threading
from bot.runtime import crash
crash.arm(sys.argv[1])
def pass_by():
    for _ in range(100):
        crash.reached("plan committed")
        crash.reached("order sent")
        sys.stdout.write("x")
threads = [threading.Thread(target=pass_by) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    crash.arm("")


def run(setting: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-u", "-c", PROGRAM, setting], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    )


def test_without_a_setting_nothing_happens() -> None:
    ended = run("")
    assert (ended.returncode, len(ended.stdout), ended.stderr) == (0, 800, "")


@pytest.mark.parametrize(("setting", "most"), [("order sent", 0), ("order sent:1", 0), (" order sent : 700 ", 699)])
def test_the_process_dies_at_the_boundary_and_the_time_that_were_named(setting: str, most: int) -> None:
    ended = run(setting)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stderr == "crash point: order sent\n"
    # Threads that had passed it before may not have said so yet; none passes it afterwards.
    assert most - 8 <= len(ended.stdout) <= most


def test_a_time_that_never_comes_is_no_trouble() -> None:
    assert run("plan committed:801").returncode == 0


@pytest.mark.parametrize("setting", ["plan comitted", "plan", ":3", "plan committed,order sent", "Plan committed"])
def test_a_boundary_that_is_none_is_refused_with_those_that_are(setting: str) -> None:
    with pytest.raises(SettingsError) as refused:
        crash.arm(setting)
    assert all(boundary in str(refused.value) for boundary in crash.BOUNDARIES)


@pytest.mark.parametrize("times", ["0", "-1", "x", "1.5", "", "²"])
def test_a_number_that_is_none_is_refused(times: str) -> None:
    with pytest.raises(SettingsError, match="number"):
        crash.arm(f"plan committed:{times}")


def test_every_boundary_can_be_chosen() -> None:
    for boundary in crash.BOUNDARIES:
        crash.arm(boundary)
        crash.arm(f"{boundary}:37")
