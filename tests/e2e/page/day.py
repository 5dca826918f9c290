"""A day of paper trading in some minutes with the page open: memory must stay flat, the heartbeat steady.

``make day`` (``DAY_MINUTES=10``). Prints what it measured, minute by minute, and ends with 1 when something grew or
stopped.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright
from rich.console import Console
from rich.table import Table

from tests.e2e.page.visitor import DESKTOP, chromium
from tests.paper_exchange.client import REPOSITORY

#: Environment: how long the day takes.
MINUTES = "DAY_MINUTES"
_DAY_S = 86_400
_USERS = 20
_SAMPLE_S = 5.0
_START_WITHIN_S = 120.0
_END_WITHIN_S = 90.0
#: Of a run, the first part is left out of the comparison: caches fill, the interpreter's arenas grow.
_WARM_UP = 0.3
#: Growth from there to the end that counts as flat: the ledger's and the page's lists are bounded, arenas breathe.
_FLAT_BOT_MB, _FLAT_PAGE_MB = 25.0, 8.0
#: It is written every 5 s; red is 30 s.
_STEADY_S = 12.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the page was open, megabytes, seconds, count."""

    at: float
    bot_mb: float
    page_mb: float
    heartbeat_age_s: float
    signals: int


def main() -> int:
    """Run the day."""
    minutes = float(os.environ.get(MINUTES) or "10")
    with tempfile.TemporaryDirectory(prefix="nija-day-") as folder, _paper(Path(folder), minutes) as (bot, port):
        samples = _watch(bot, Path(folder) / "data", port, minutes)
        code = bot.wait(_END_WITHIN_S)
    _show(samples, minutes)
    faults = _judge(samples)
    if code:
        faults.append(f"paper ended with exit code {code}: its books differ, or it did not end in time")
    for fault in faults:
        print(f"❌ {fault}")
    if not faults:
        print(f"✅ a day in {minutes:g} minutes: memory flat, heartbeat steady, books equal")
    return bool(faults)


@contextmanager
def _paper(folder: Path, minutes: float) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    speed = _DAY_S / (minutes * 60)
    arguments = ["paper", "--minutes", f"{minutes}", "--speed", f"{speed}", "--users", f"{_USERS}", "--by-hand", "5"]
    arguments += ["--venues", "kraken,coinbase,alpaca", "--data", str(folder), "--web-port", str(port)]
    bot = subprocess.Popen([sys.executable, "bot.py", *arguments], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    try:
        yield bot, port
    finally:
        if bot.poll() is None:
            bot.send_signal(signal.SIGTERM)
            bot.wait(_END_WITHIN_S)


def _watch(bot: subprocess.Popen[bytes], data: Path, port: int, minutes: float) -> list[Sample]:
    password = data / "web-first-password"
    deadline = time.monotonic() + _START_WITHIN_S
    while not password.exists():
        assert bot.poll() is None, "paper ended before its page was there"
        assert time.monotonic() < deadline, "no page within two minutes"
        time.sleep(0.2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_context(**DESKTOP).new_page()
        page.goto(f"http://127.0.0.1:{port}/login")
        page.get_by_label("Password", exact=True).fill(password.read_text().strip())
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#link-word")).to_have_text("Live", timeout=30_000)
        samples = _samples(bot, data, page, time.monotonic() + minutes * 60 - 20)
        browser.close()
    return samples


def _samples(bot: subprocess.Popen[bytes], data: Path, page: Page, until: float) -> list[Sample]:
    memory = page.context.new_cdp_session(page)
    memory.send("HeapProfiler.enable")
    began, found = time.monotonic(), list[Sample]()
    while bot.poll() is None and time.monotonic() < until:
        page.wait_for_timeout(_SAMPLE_S * 1000)
        memory.send("HeapProfiler.collectGarbage")
        used = memory.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        beat = json.loads((data / "heartbeat.json").read_text())
        assert not beat["reason"], beat
        state: dict[str, Any] = page.evaluate("fetch('/api/state').then(answer => answer.json())")
        found.append(
            Sample(
                at=time.monotonic() - began,
                bot_mb=_resident_mb(bot.pid),
                page_mb=used,
                heartbeat_age_s=time.time() - beat["at"],
                signals=state["counts"]["emitted"],
            )
        )
    return found


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def _judge(samples: list[Sample]) -> list[str]:
    faults = []
    warm = samples[int(len(samples) * _WARM_UP) :]
    third = max(1, len(warm) // 3)
    for what, limit, value in (
        ("the bot's memory", _FLAT_BOT_MB, lambda one: one.bot_mb),
        ("the page's memory", _FLAT_PAGE_MB, lambda one: one.page_mb),
    ):
        grown = _median([value(one) for one in warm[-third:]]) - _median([value(one) for one in warm[:third]])
        if grown > limit:
            faults.append(f"{what} grew by {grown:.1f} MB, at most {limit:g} MB count as flat")
    oldest = max(one.heartbeat_age_s for one in samples)
    if oldest > _STEADY_S:
        faults.append(f"the heartbeat was {oldest:.0f} s old once; it is written every 5 s")
    return faults


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _show(samples: list[Sample], minutes: float) -> None:
    table = Table(title=f"A day in {minutes:g} minutes, {_USERS} users on three venues, the page open")
    for column in ("minute", "market hour", "signals", "bot MB", "page MB (JavaScript)", "heartbeat at most, s"):
        table.add_column(column, justify="right")
    for minute in range(int(samples[-1].at // 60) + 1):
        here = [one for one in samples if int(one.at // 60) == minute]
        if here:
            table.add_row(
                str(minute + 1),
                f"{here[-1].at / 60 / minutes * 24:.1f}",
                str(here[-1].signals),
                f"{_median([one.bot_mb for one in here]):.1f}",
                f"{_median([one.page_mb for one in here]):.1f}",
                f"{max(one.heartbeat_age_s for one in here):.1f}",
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
