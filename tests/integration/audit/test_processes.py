"""Real processes: killed in the middle, and side by side."""

from __future__ import annotations

import random
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest

from bot.audit.entries import AuditKind
from bot.audit.files import files_of
from bot.audit.pages import latest_entries
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from tests.integration.audit.books import found, write_down
from tests.warm import WarmProcess, start_warm

CHILD = "tests/integration/audit/child.py"


def begin(*arguments: str) -> WarmProcess:
    child = start_warm([CHILD, *arguments], stderr=False)
    assert child.stdout.readline() == "works\n"
    return child


def end(child: WarmProcess, after_s: float | None) -> None:
    """Wait for its end, or kill it at that moment."""
    try:
        child.wait(after_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_there_twice(sqlite: str, data: Path, seed: int) -> None:
    dice = random.Random(seed)
    with Ledger(sqlite, SystemClock()):
        pass
    for time in range(8):
        end(begin("work", sqlite, str(data), f"run {seed} {time}"), dice.uniform(0.0, 0.7))
    # The ledger's own way to settle what was queued when it was killed.
    with Ledger(sqlite, SystemClock()):
        pass

    write_down(sqlite, data)

    faults, comparison = found(sqlite, data)
    entries = latest_entries(data / "audit", 10**6)
    events = Counter(entry.detail["event"] for entry in entries if "event" in entry.detail)
    commands = Counter((entry.kind, entry.detail["command_id"]) for entry in entries if "command_id" in entry.detail)
    assert faults == []
    assert comparison.compared == len(events) > 100
    assert set(events.values()) == {1}
    assert set(commands.values()) == {1}
    assert {kind for kind, _ in commands} == {AuditKind.COMMAND, AuditKind.COMMAND_ENDED}


def test_processes_side_by_side_append_to_one_chain(sqlite: str, data: Path) -> None:
    with Ledger(sqlite, SystemClock()):
        pass
    bot = begin("work", sqlite, str(data), "bot")
    others = [begin("append", str(data), f"person {number}", "60") for number in range(3)]
    for other in others:
        end(other, None)
    end(bot, 0.0)

    write_down(sqlite, data)

    faults, _ = found(sqlite, data)
    said = Counter(e.who for e in latest_entries(data / "audit", 10**6) if e.who.startswith("person"))
    assert faults == []
    assert said == {f"person {number}": 60 for number in range(3)}


def test_a_page_is_read_while_others_write(data: Path) -> None:
    writers = [begin("append", str(data), f"person {number}", "60") for number in range(2)]
    stop, broken = threading.Event(), list[str]()

    def look() -> None:
        while not stop.is_set():
            numbers = [entry.number for entry in latest_entries(data / "audit", 20)]
            if numbers != sorted(numbers, reverse=True) or (numbers and len(set(numbers)) != len(numbers)):
                broken.append(str(numbers))

    looking = threading.Thread(target=look)
    looking.start()
    for writer in writers:
        end(writer, None)
    stop.set()
    looking.join(30)
    assert broken == []
    assert len(files_of(data / "audit")) == 1
