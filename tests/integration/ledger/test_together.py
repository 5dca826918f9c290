"""Many threads, and other processes, on one ledger."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from sqlalchemy import func, select

from bot.domain.enums import OrderState
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted
from bot.ledger.database import Database
from bot.ledger.entry import open_views
from bot.ledger.journal import Ledger
from bot.ledger.tables import signals
from bot.runtime.clock import SystemClock
from tests.unit.ledger.builders import QUANTITY, copies_for, fill_of, order_of, report_of, signal_of, users

REPOSITORY = Path(__file__).parents[3]

SET_SWITCH = """
import sys
from bot.ledger.entry import open_ledger
from bot.runtime.clock import SystemClock

ledger = open_ledger(sys.argv[1], SystemClock())
ledger.set_kill_switch("from another process", "operator")
ledger.post_command("pause", {"user": "daivon_frazier"})
ledger.close()
"""


def in_another_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_switch_and_a_command_from_another_process_reach_the_one_that_writes(url: str) -> None:
    done = threading.Event()
    plans = 0
    with Ledger(url, SystemClock()) as ledger:

        def write() -> None:
            nonlocal plans
            while not done.is_set():
                signal = signal_of(f"O{plans}")
                ledger.record_plan(signal, copies_for(signal, users(20)))
                plans += 1

        writer = threading.Thread(target=write)
        writer.start()
        other = in_another_process(SET_SWITCH, url)
        done.set()
        writer.join()

        assert other.returncode == 0, other.stderr
        switch, command = ledger.kill_switch(), ledger.take_command()
        assert switch is not None
        assert (switch.reason, switch.set_by) == ("from another process", "operator")
        assert command is not None
        assert command.payload == {"user": "daivon_frazier"}
        assert ledger.healthy
        assert ledger.views.counts().emitted == plans


def test_looking_on_does_not_hold_the_writer_up(url: str) -> None:
    seen = []
    with Ledger(url, SystemClock(), busy_timeout_s=0.05) as ledger:
        onlooker = Database(url, for_views=True)
        for number in range(20):
            with onlooker.reading() as connection:
                seen.append(connection.scalar(select(func.count()).select_from(signals)))
                signal = signal_of(f"O{number}")
                ledger.record_plan(signal, copies_for(signal, users(10)))
        onlooker.dispose()

    assert seen == list(range(20))


def test_answers_and_fills_of_many_threads_are_all_there(url: str) -> None:
    accounts = users(120)
    traded = [signal_of(f"O{number}") for number in range(3)]
    with Ledger(url, SystemClock()) as ledger:
        plans = {signal.order_id: copies_for(signal, accounts) for signal in traded}
        for signal in traded:
            assert ledger.record_plan(signal, plans[signal.order_id])

        def follow(number: int) -> None:
            for name, copies in plans.items():
                order = order_of(copies[number])
                trade_id = f"{name}-{number}"
                ledger.answered(order, Accepted(VenueOrderId(trade_id)), OrderState.ACCEPTED, float(number))
                ledger.settled(order, report_of(fill_of(trade_id), order_id=trade_id), OrderState.FILLED)

        threads = [threading.Thread(target=follow, args=(number,)) for number in range(len(accounts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert ledger.flush(30)
        rows = [row for signal in traded for row in ledger.views.copies_of(signal.signal_id)]
        coins = ledger.copied_coins()

    assert len(rows) == 360
    assert {row.state for row in rows} == {OrderState.FILLED}
    numbers = {account: number for number, account in enumerate(accounts)}
    assert all(row.milliseconds == numbers[row.account] for row in rows)
    assert all(row.order_id is not None and row.order_id.endswith(f"-{numbers[row.account]}") for row in rows)
    assert coins == {(account, "BTC-USD"): QUANTITY * 3 for account in accounts}


def test_of_two_processes_that_start_at_once_both_have_a_ledger(url: str) -> None:
    threads = [threading.Thread(target=in_another_process, args=(SET_SWITCH, url)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    views = open_views(url)
    assert views.kill_switch() is not None
    views.close()
