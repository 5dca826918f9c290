"""What is in the ledger is in the log, and a difference between the two is found."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from bot.audit import chain as chain_module
from bot.audit.chain import AuditChain
from bot.audit.check import ChainCheck
from bot.audit.entries import AuditKind, Draft
from bot.audit.files import write_all
from bot.audit.pages import latest_entries
from bot.domain.events import EventKind
from bot.ledger.audit_queries import AuditQueries
from bot.ledger.database import Database
from bot.ledger.journal import Ledger
from bot.reporting.events import EventHub
from bot.runtime.clock import SystemClock
from tests.integration.audit.books import auditing, found, trade, write_down
from tests.paper_exchange.client import eventually


def test_every_order_command_and_switch_is_written_down(url: str, data: Path) -> None:
    with Ledger(url, SystemClock()) as ledger:
        trade(ledger, "one", 3)
        number = ledger.post_command("pause_user", {"user_id": "anna", "by": "olga"})
        ledger.finish_command(number, {"error": "there is no anna"}, failed=True)
        ledger.set_kill_switch("prices look wrong", "olga")
        assert ledger.flush(30)
        write_down(url, data)
        ledger.lift_kill_switch("olga")
    write_down(url, data)

    entries = latest_entries(data / "audit", 100)[::-1]
    told = [(entry.kind.value, entry.who, entry.what) for entry in entries]
    assert told[0][0] == "audit"
    assert ("intent", "user_000:kraken", "BUY 0.00734213 BTC-USD: SUBMITTING") in told
    assert [line[0] for line in told].count("intent") == 3
    assert [line[0] for line in told].count("outcome") >= 6
    assert ("command", "olga", "pause_user: user_id anna") in told
    assert ("command_ended", "olga", f"pause_user {number} failed: there is no anna") in told
    assert ("switch", "olga", "kill is set: prices look wrong") in told
    assert told[-1] == ("switch", "bot", "kill is lifted")
    assert found(url, data)[0] == []


def test_a_running_log_follows_within_seconds_and_keeps_what_is_told(sqlite: str, data: Path) -> None:
    hub = EventHub(SystemClock())
    with Ledger(sqlite, SystemClock()) as ledger, auditing(sqlite, data, hub) as log:
        log.auditor.start()
        hub.tell(EventKind.LOGIN, "somebody logged in from 127.0.0.1", detail="agent x")
        hub.tell(EventKind.CONFIG_CHANGED, "users: bert is new")
        hub.tell(EventKind.COPY_FAILED, "is no line of its own: the ledger has it")
        trade(ledger, "one", 2)
        eventually(lambda: len(log.audit_page()[0]) > 8, 30)
        assert ledger.flush(30)
        assert log.finish(5)
    entries, intact, problem = log.audit_page(3)
    assert (len(entries), intact, problem) == (3, True, None)
    assert log.audit_page(2, before=entries[-1]["number"])[0][0]["number"] == entries[-1]["number"] - 1
    kinds = [entry.kind for entry in latest_entries(data / "audit", 100)]
    assert kinds.count(AuditKind.LOGIN) == kinds.count(AuditKind.CONFIG) == 1
    assert found(sqlite, data)[0] == []


def changed(sql: str, data: Path) -> None:
    with closing(sqlite3.connect(data / "ledger.sqlite3")) as books, books:
        # The ledger's own guard stops the program's mistakes, not somebody who has the file.
        for (name,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            books.execute(f"DROP TRIGGER {name}")
        assert books.execute(sql).rowcount > 0


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE order_events SET detail = 'nothing happened' WHERE id = 3", "event 3 of the ledger"),
        ("UPDATE order_events SET at = at + 1 WHERE id = 3", "otherwise"),
        ("DELETE FROM order_events WHERE id = 3", "event 3 of the audit log"),
        ("DELETE FROM order_events WHERE id = (SELECT max(id) FROM order_events)", "the ledger lacks it"),
        (
            "INSERT INTO order_events (client_order_id, account, at, detail) VALUES ('x', 'a:kraken', 1.0, '')",
            "the audit log lacks it",
        ),
        ("UPDATE commands SET payload = '{}'", "command 1 of the ledger"),
        ("UPDATE commands SET result = '{}'", "has its end otherwise"),
        ("DELETE FROM commands", "command 1 of the audit log"),
    ],
    ids=["detail", "time", "deleted", "last deleted", "added", "asked", "answered", "command deleted"],
)
def test_a_row_that_was_changed_behind_the_programs_back_is_found(
    sqlite: str, data: Path, sql: str, words: str
) -> None:
    with Ledger(sqlite, SystemClock()) as ledger:
        trade(ledger, "one", 3)
        ledger.finish_command(ledger.post_command("trade", {"by": "olga"}), {"done": True})
    write_down(sqlite, data)
    assert found(sqlite, data)[0] == []

    changed(sql, data)

    [fault] = found(sqlite, data)[0]
    assert words in fault


def test_an_old_copy_of_the_ledger_is_said_and_goes_on(sqlite: str, data: Path) -> None:
    ledger_file = data / "ledger.sqlite3"
    with Ledger(sqlite, SystemClock()) as ledger:
        trade(ledger, "one", 3)
        ledger.post_command("trade", {"number": 1})
    shutil.copy(ledger_file, data / "kept")
    write_down(sqlite, data)
    with Ledger(sqlite, SystemClock()) as ledger:
        trade(ledger, "two", 3)
        ledger.post_command("trade", {"number": 2})
    write_down(sqlite, data)
    for old in data.glob("ledger.sqlite3*"):
        old.unlink()
    shutil.copy(data / "kept", ledger_file)
    with Ledger(sqlite, SystemClock()) as ledger:
        # More than before: its numbers alone do not tell that it is another one.
        trade(ledger, "three", 6)
        ledger.post_command("trade", {"number": 3})
        ledger.post_command("trade", {"number": 4})

    write_down(sqlite, data)

    faults, comparison = found(sqlite, data)
    said = [entry for entry in latest_entries(data / "audit", 1000) if "ledger_from" in entry.detail]
    assert faults == []
    assert len(said) == 1
    assert said[0].detail["ledger_from"]["command"] == 1
    assert 0 < said[0].detail["ledger_from"]["event"] < comparison.event
    write_down(sqlite, data)
    assert len([e for e in latest_entries(data / "audit", 1000) if "ledger_from" in e.detail]) == 1


def test_a_log_that_is_new_takes_in_all_that_was_before(sqlite: str, data: Path) -> None:
    with Ledger(sqlite, SystemClock()) as ledger:
        for number in range(30):
            trade(ledger, f"trade {number}", 12)
    write_down(sqlite, data)
    faults, comparison = found(sqlite, data)
    assert faults == []
    assert comparison.compared == 30 * 12 * 3


def test_rows_that_are_committed_behind_later_ones_are_written_down(postgresql: str, data: Path) -> None:
    """PostgreSQL gives numbers away before it commits."""
    insert = "INSERT INTO order_events (client_order_id, account, at, detail) VALUES ('{}', 'a:kraken', 1.0, 'x')"
    with Ledger(postgresql, SystemClock()):
        pass
    late, soon = Database(postgresql), Database(postgresql)
    with auditing(postgresql, data, poll_s=0.05, left_alone_s=0.1) as log:
        log.auditor.start()
        with late.writing() as slow:
            slow.exec_driver_sql(insert.format("late"))
            with soon.writing() as quick:
                quick.exec_driver_sql(insert.format("soon"))
            eventually(lambda: log.audit_page()[0] and log.audit_page()[0][0]["detail"].get("event") == 2, 30)
        eventually(lambda: log.audit_page()[0][0]["detail"].get("event") == 1, 30)
        assert log.finish(5)
    late.dispose()
    soon.dispose()
    assert found(postgresql, data)[0] == []


def test_a_full_disk_disturbs_no_trade_is_said_once_and_made_good(
    sqlite: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, said = EventHub(SystemClock()), list[str]()
    hub.listen(lambda event: said.append(event.text) if event.kind is EventKind.AUDIT_FAILED else None)

    def full(descriptor: int, content: bytes) -> None:
        write_all(descriptor, content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with Ledger(sqlite, SystemClock()) as ledger, auditing(sqlite, data, hub, poll_s=0.02, left_alone_s=0.05) as log:
        log.auditor.start()
        trade(ledger, "before", 2)
        eventually(lambda: log.audit_page()[0] != [], 30)
        monkeypatch.setattr(chain_module, "write_all", full)
        hub.tell(EventKind.LOGIN, "a login meanwhile")
        trade(ledger, "meanwhile", 2)
        eventually(lambda: said, 30)
        assert ledger.flush(30)
        time.sleep(0.2)
        problem = log.audit_page()[2]
        monkeypatch.undo()
        trade(ledger, "after", 2)
        assert ledger.flush(30)
        eventually(lambda: log.audit_page()[2] is None, 30)
        assert log.finish(5)
    assert len(said) == 1
    assert problem == said[0]
    assert "No space left on device" in said[0]
    assert found(sqlite, data)[0] == []
    assert [e.what for e in latest_entries(data / "audit", 100) if e.kind is AuditKind.LOGIN] == ["a login meanwhile"]


def test_what_was_changed_shows_on_the_page(sqlite: str, data: Path) -> None:
    with Ledger(sqlite, SystemClock()) as ledger:
        trade(ledger, "one", 3)
    write_down(sqlite, data)
    [path] = (data / "audit").glob("audit-*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"user_001", b"user_002", 1))
    with auditing(sqlite, data, poll_s=0.02) as log:
        log.auditor.start()
        eventually(lambda: not log.audit_page()[1], 30)
        assert "it was changed" in str(log.audit_page()[2])
        log.finish(5)


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_checked_in_seconds(tmp_path: Path) -> None:
    chain = AuditChain(tmp_path / "audit", SystemClock())
    detail = {"event": 1, "client_order_id": "6d1b345e-2821-40e2-ad83-4ecb18a06876", "text": "x" * 60, "leg": 1}
    for start in range(0, 100_000, 1000):
        chain.append(
            [
                Draft(AuditKind.OUTCOME, "user_000:kraken", "BUY 0.1 BTC-USD: FILLED", {**detail, "event": number})
                for number in range(start, start + 1000)
            ]
        )
    check = ChainCheck(tmp_path / "audit")
    started = time.perf_counter()
    while not check.advance(5000):
        pass
    took = time.perf_counter() - started
    started = time.perf_counter()
    AuditChain(tmp_path / "audit", SystemClock()).look()
    opened = time.perf_counter() - started
    started = time.perf_counter()
    latest_entries(tmp_path / "audit", 100)
    paged = time.perf_counter() - started
    print(f"100,000 entries: checked in {took:.2f} s, opened in {opened:.3f} s, a page in {paged * 1000:.1f} ms")
    assert check.faults == []
    assert check.entries > 100_000
    assert took < 20
    assert opened < 5


def test_queries_hold_nothing(sqlite: str) -> None:
    with Ledger(sqlite, SystemClock()) as ledger:
        ledger.set_kill_switch("x", "olga")
        queries = AuditQueries(Database(sqlite, for_views=True))
        before = queries.audit_mark()
        ledger.post_command("trade", {})
        assert queries.audit_mark() != before
        assert [row.name for row in queries.switches_set()] == ["kill"]
