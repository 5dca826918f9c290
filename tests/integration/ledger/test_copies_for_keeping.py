"""Backups and tables for other programs, taken while the bot writes."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pandas
import pytest

from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted, Rejected
from bot.ledger.entry import back_up_ledger, export_ledger, open_views, url_of
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from tests.integration.ledger.looking import is_sound
from tests.integration.ledger.test_migrations import version_1
from tests.unit.ledger.builders import (
    DAIVON,
    MASTER,
    NOW,
    QUANTITY,
    SetClock,
    copies_for,
    copy_of,
    fill_of,
    master_order,
    order_of,
    report_of,
    signal_of,
    users,
)

COPIES_EACH = 20
TABLES = (
    "signals",
    "copies",
    "master_orders",
    "fills",
    "order_events",
    "copied_coins",
    "coin_adjustments",
    "watches",
    "balance_history",
    "uncopied",
)


@contextmanager
def written_all_the_time(url: str) -> Iterator[Ledger]:
    """A bot that records plans, answers and fills as fast as it can."""
    done = threading.Event()
    accounts = users(COPIES_EACH)

    def write() -> None:
        number = 0
        while not done.is_set():
            signal = signal_of(f"O{number}")
            copies = copies_for(signal, accounts)
            ledger.record_plan(signal, copies)
            for copy in copies:
                trade_id = f"T{number}-{copy.account.name}"
                ledger.answered(order_of(copy), Accepted(VenueOrderId(trade_id)), OrderState.ACCEPTED)
                ledger.settled(order_of(copy), report_of(fill_of(trade_id), order_id=trade_id), OrderState.FILLED)
            number += 1

    with Ledger(url, SystemClock()) as ledger:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield ledger
        finally:
            done.set()
            writer.join()


def agrees_with_itself(url: str) -> bool:
    """Every signal has all its copies, and the coins are those of the fills."""
    views = open_views(url)
    try:
        whole = all(len(views.copies_of(row.signal_id)) == COPIES_EACH for row in views.recent_signals(10_000))
        filled: dict[str, int] = {}
        for row in views.recent_copies(100_000, state=OrderState.FILLED):
            filled[row.user_id] = filled.get(row.user_id, 0) + 1
        coins = {row.account.name: row.quantity for row in views.copied_coins()}
    finally:
        views.close()
    return whole and coins == {user: QUANTITY * count for user, count in filled.items()}


def cells(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_backup_is_whole_while_the_bot_writes_on(path: Path, tmp_path: Path) -> None:
    targets = [tmp_path / "backups" / f"{number}.sqlite3" for number in range(3)]
    emitted = []
    with written_all_the_time(url_of(path)) as ledger:
        for target in targets:
            back_up_ledger(path, target)
            emitted.append(ledger.views.counts().emitted)
        assert ledger.healthy

    assert emitted == sorted(emitted)
    assert [file.name for file in sorted(targets[0].parent.iterdir())] == [target.name for target in targets]
    for target in targets:
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert is_sound(url_of(target))
        assert agrees_with_itself(url_of(target))


def test_a_backup_holds_no_commit_up(path: Path, tmp_path: Path, clock: SetClock) -> None:
    with Ledger(url_of(path), clock, busy_timeout_s=0.05) as ledger:
        for number in range(30):
            signal = signal_of(f"O{number}")
            ledger.record_plan(signal, copies_for(signal, users(200)))
        commits = []

        def record(done: int, total: int) -> None:
            signal = signal_of(f"during {done}")
            commits.append(ledger.record_plan(signal, copies_for(signal, users(20))))

        # Progress is told while the look that the copy is made from is still open.
        back_up_ledger(path, tmp_path / "backup.sqlite3", record)

    assert commits
    assert all(commits)
    views = open_views(tmp_path / "backup.sqlite3")
    assert views.counts().emitted == 30
    views.close()


def test_progress_is_told_until_all_is_done(ledger: Ledger, url: str, path: Path, tmp_path: Path) -> None:
    signal = signal_of()
    ledger.record_plan(signal, copies_for(signal, users(50)))
    told: list[tuple[int, int]] = []

    export_ledger(url, tmp_path / "tables", lambda done, total: told.append((done, total)))

    assert told[-1] == (101, 101)
    assert told == sorted(told)


def test_a_restored_backup_copies_nothing_again(path: Path, tmp_path: Path, clock: SetClock) -> None:
    signal, later = signal_of(), signal_of("O2")
    with Ledger(url_of(path), clock) as ledger:
        ledger.record_plan(signal, [copy_of(signal)])
        back_up_ledger(path, tmp_path / "backup.sqlite3")
        ledger.record_plan(later, [copy_of(later)])
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    shutil.copy(tmp_path / "backup.sqlite3", path)

    with Ledger(url_of(path), clock) as ledger:
        assert not ledger.record_plan(signal, [copy_of(signal)])
        assert [row.state for row in ledger.views.open_copies()] == [OrderState.SUBMITTING]


def test_a_backup_never_takes_the_place_of_a_file(path: Path, tmp_path: Path, clock: SetClock) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    with Ledger(url_of(path), clock):
        with pytest.raises(FileExistsError):
            back_up_ledger(path, target)
        with pytest.raises(FileExistsError):
            back_up_ledger(path, path)

    assert target.read_text() == "precious"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data", "precious"]


def test_a_backup_that_fails_leaves_nothing_behind(path: Path, tmp_path: Path, clock: SetClock) -> None:
    with Ledger(url_of(path), clock) as ledger:
        ledger.record_plan(signal_of(), [])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)

    with pytest.raises(LedgerUnavailable, match=r"cannot be copied to .*malformed.*; stop, and restore it"):
        back_up_ledger(path, tmp_path / "backups" / "one.sqlite3")

    assert list((tmp_path / "backups").iterdir()) == []


def test_an_old_ledger_can_be_backed_up_before_a_new_program_touches_it(path: Path, tmp_path: Path) -> None:
    version_1(url_of(path))

    back_up_ledger(path, tmp_path / "backup.sqlite3")

    with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as copy:
        assert copy.execute("SELECT version FROM schema_version").fetchall() == [(1,)]


def test_where_there_is_no_ledger_nothing_is_made(path: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="there is no ledger yet"):
        back_up_ledger(path, tmp_path / "backups" / "one.sqlite3")
    with pytest.raises(LedgerUnavailable, match="there is no ledger yet"):
        export_ledger(path, tmp_path / "tables")

    assert list(tmp_path.iterdir()) == []


def test_a_server_is_backed_up_with_its_own_tool(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable) as raised:
        back_up_ledger("postgresql+psycopg://nija:s3cret@db.example:6432/trades", tmp_path / "one.sqlite3")

    told = str(raised.value)
    assert "pg_dump --format=custom --file=ledger.dump 'postgresql://nija@db.example:6432/trades'" in told
    assert "s3cret" not in told


def test_tables_are_exact_and_readable(ledger: Ledger, url: str, tmp_path: Path, clock: SetClock) -> None:
    order, signal = master_order(), signal_of()
    copy = copy_of(signal)
    ledger.intend(order)
    ledger.answered(order, Accepted(VenueOrderId(signal.order_id)), OrderState.ACCEPTED)
    ledger.record_plan(signal, [copy], observe_only=False)
    ledger.answered(order_of(copy), Accepted(VenueOrderId("V1")), OrderState.ACCEPTED, 31.25)
    ledger.settled(order_of(copy), report_of(fill_of(), order_id="V1"), OrderState.FILLED)
    ledger.write_off(DAIVON, "BTC-USD", Decimal("0.00000001"), "sold by hand")
    ledger.set_watch(MASTER, NOW, NOW + 1)
    ledger.record_uncopied(MASTER, "OHAND1", Decimal("0.5"), "it had traded before watching began")
    ledger.record_account(DAIVON, True, "connected", Decimal("1034.55"), Decimal("2000"))
    assert ledger.flush(30)

    counts = export_ledger(url, tmp_path / "tables")

    folder = tmp_path / "tables"
    assert counts == dict(zip(TABLES, (1, 1, 1, 1, 5, 1, 1, 1, 1, 1), strict=True))
    assert {file.name for file in folder.iterdir()} == {f"{name}.csv" for name in TABLES}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    [row] = cells(folder, "copies")
    assert Decimal(row["executed"]) == QUANTITY
    assert Decimal(row["cost"]) == fill_of().cost
    assert (row["account"], row["state"], row["leg"], row["milliseconds"]) == (str(DAIVON), "FILLED", "1", "31.25")
    assert row["planned_at"].endswith("Z")
    assert datetime.fromisoformat(row["planned_at"]).timestamp() == NOW
    [recorded] = cells(folder, "signals")
    assert (recorded["observe_only"], recorded["side"], recorded["number"]) == ("false", "buy", "1")
    assert (recorded["by_hand"], Decimal(recorded["filled_before"])) == ("false", 0)
    [left] = cells(folder, "uncopied")
    assert (left["account"], left["order_id"], Decimal(left["executed"])) == (str(MASTER), "OHAND1", Decimal("0.5"))
    [coins] = cells(folder, "copied_coins")
    assert Decimal(coins["quantity"]) == QUANTITY - Decimal("0.00000001")
    assert [row["to_state"] for row in cells(folder, "order_events")][:2] == ["SUBMITTING", "ACCEPTED"]


def test_pandas_reads_what_was_exported(ledger: Ledger, url: str, tmp_path: Path) -> None:
    signal = signal_of()
    ledger.record_plan(signal, copies_for(signal, users(3)))
    export_ledger(url, tmp_path)

    frame = pandas.read_csv(tmp_path / "copies.csv", parse_dates=["planned_at", "deadline"])

    assert list(frame["account"]) == [str(account) for account in users(3)]
    assert frame["planned_at"].dt.tz is not None
    assert (frame["deadline"] - frame["planned_at"]).dt.total_seconds().tolist() == [5.0, 5.0, 5.0]
    assert frame["quantity"].sum() == pytest.approx(float(QUANTITY * 3))
    assert frame["order_id"].isna().all()


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula_for_a_spreadsheet(ledger: Ledger, url: str, tmp_path: Path, begin: str) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    said = f'{begin}HYPERLINK("http://evil.example","click"), really'
    ledger.record_plan(signal, [copy])
    ledger.answered(order_of(copy), Rejected(said), OrderState.REJECTED)
    assert ledger.flush(30)

    export_ledger(url, tmp_path)

    [row] = cells(tmp_path, "copies")
    assert row["reason"] == f"'{said}"
    assert cells(tmp_path, "order_events")[-1]["detail"] == f"'{said}"


def test_an_export_shows_one_moment_while_the_bot_writes_on(url: str, tmp_path: Path) -> None:
    with written_all_the_time(url) as ledger:
        for number in range(3):
            export_ledger(url, tmp_path / str(number))
        assert ledger.healthy

    for number in range(3):
        signals = {row["signal_id"] for row in cells(tmp_path / str(number), "signals")}
        copies = [row["signal_id"] for row in cells(tmp_path / str(number), "copies")]
        assert len(copies) == COPIES_EACH * len(signals)
        assert set(copies) == signals
        fills = len(cells(tmp_path / str(number), "fills"))
        coins = sum(Decimal(row["quantity"]) for row in cells(tmp_path / str(number), "copied_coins"))
        assert coins == QUANTITY * fills


def test_an_export_never_takes_the_place_of_a_file(ledger: Ledger, url: str, tmp_path: Path) -> None:
    (tmp_path / "fills.csv").write_text("precious")

    with pytest.raises(FileExistsError, match="fills"):
        export_ledger(url, tmp_path)

    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["fills.csv"]
    assert (tmp_path / "fills.csv").read_text() == "precious"


def test_an_export_that_fails_leaves_no_table_behind(ledger: Ledger, url: str, tmp_path: Path) -> None:
    def give_up(done: int, total: int) -> None:
        raise OSError(28, os.strerror(28))

    ledger.record_plan(signal_of(), [])

    with pytest.raises(LedgerUnavailable, match=r"cannot be exported to .*No space left.*; make room on the disk"):
        export_ledger(url, tmp_path / "tables", give_up)

    assert list((tmp_path / "tables").iterdir()) == []
