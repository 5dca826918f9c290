"""Trades and writes its audit log until it is killed, or appends so many entries beside others."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from bot.audit.chain import append_now
from bot.audit.entries import AuditKind
from bot.domain.events import EventKind
from bot.ledger.journal import Ledger
from bot.reporting.events import EventHub
from bot.runtime.clock import SystemClock
from tests.integration.audit.books import auditing, trade


def work(url: str, data: Path, name: str) -> None:
    hub = EventHub(SystemClock())
    with Ledger(url, SystemClock()) as ledger, auditing(url, data, hub, poll_s=0.002, left_alone_s=0.0) as log:
        log.auditor.start()
        print("works", flush=True)
        for number in count():
            trade(ledger, f"{name}-{number}", 8)
            hub.tell(EventKind.CONFIG_CHANGED, f"{name} {number}")
            if number % 5 == 0:
                ledger.finish_command(ledger.post_command("trade", {"name": name}), {"number": number})


def append(data: Path, name: str, times: int) -> None:
    print("works", flush=True)
    for number in range(times):
        append_now(data, SystemClock(), AuditKind.COMMAND, name, f"{number}", number=number)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        append(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
