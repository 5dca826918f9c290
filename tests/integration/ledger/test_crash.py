"""Killed in the middle of writing: what was promised is there, and nothing half."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.ledger.entry import open_views
from bot.ledger.journal import Ledger
from tests.integration.ledger.looking import is_sound, rows
from tests.unit.ledger.builders import QUANTITY, SetClock, signal_of

REPOSITORY = Path(__file__).parents[3]
CHILD = Path(__file__).with_name("child.py")
COPIES_EACH = 40


def killed_after(url: str, lines: int) -> list[str]:
    """The signal ids that a child printed before it was killed."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), url, str(COPIES_EACH)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None
    printed = [child.stdout.readline().strip() for _ in range(lines)]
    child.kill()
    printed += child.stdout.read().split()
    child.wait()
    child.stdout.close()
    return printed


@pytest.mark.parametrize("lines", [1, 7, 23])
def test_every_promised_signal_is_there_and_none_is_half_there(url: str, lines: int) -> None:
    printed = killed_after(url, lines)

    views = open_views(url)
    signals = {row.signal_id for row in views.recent_signals(10_000)}
    copies = {signal_id: len(views.copies_of(signal_id)) for signal_id in signals}
    views.close()
    assert len(printed) >= lines
    assert set(printed) <= signals
    assert set(copies.values()) == {COPIES_EACH}


def test_fills_and_coins_agree_after_a_kill(url: str) -> None:
    killed_after(url, 15)

    with Ledger(url, SetClock()) as ledger:
        coins = ledger.copied_coins()
        fills = dict(rows(url, "SELECT account, count(*) FROM fills GROUP BY account"))
        still_writes = ledger.record_plan(signal_of("after the crash"), [])

    assert is_sound(url)
    assert {str(account): quantity for (account, _), quantity in coins.items()} == {
        account: QUANTITY * count for account, count in fills.items()
    }
    assert still_writes
