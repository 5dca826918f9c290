"""Ledgers that older programs wrote, and those that newer ones did."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from bot.domain.enums import OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.ledger import tables
from bot.ledger.entry import open_ledger, open_views, url_of
from bot.ledger.journal import Ledger
from bot.ledger.migrations import FOLDER
from tests.fakes.migrations import carried_out, remembered
from tests.integration.ledger.looking import execute, rows
from tests.unit.ledger.builders import DAIVON, NOW, QUANTITY, SetClock, copy_of, signal_of

REPOSITORY = Path(__file__).parents[3]
NOW_AT = tables.SCHEMA_VERSION
OPEN = """
import sys
from bot.ledger.entry import open_ledger
from bot.runtime.clock import SystemClock

ledger = open_ledger(sys.argv[1], SystemClock())
print(ledger.views.counts().emitted)
ledger.close()
"""


@pytest.fixture(autouse=True)
def _every_step() -> Iterator[None]:
    with carried_out():
        yield


def version_1(url: str) -> str:
    """What the program of version 1 left behind, put into a place."""
    if url.startswith("sqlite"):
        file = Path(make_url(url).database or "")
        file.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(Path(__file__).with_name("version_1.sqlite.sql").read_text())
            connection.execute("PRAGMA journal_mode=WAL")
    else:
        execute(url, Path(__file__).with_name("version_1.postgresql.sql").read_text())
    return url


def version_2(url: str) -> str:
    """What the program of version 2 made of that: its steps never change."""
    return brought_to(version_1(url), 2)


def brought_to(url: str, version: int) -> str:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.stamp(config, f"{version - 1:04}")
            command.upgrade(config, f"{version:04}")
            connection.execute(text("UPDATE schema_version SET version = :version"), {"version": version})
    finally:
        engine.dispose()
    return url


def version_3(url: str) -> str:
    """What the program of version 3 made of that."""
    return brought_to(version_2(url), 3)


def version_4(url: str) -> str:
    """What the program of version 4 made of that."""
    return brought_to(version_3(url), 4)


@pytest.fixture(
    params=[version_1, version_2, version_3, version_4], ids=["version 1", "version 2", "version 3", "version 4"]
)
def old(request: pytest.FixtureRequest, url: str) -> str:
    """A ledger of an older version with two signals, three copies and a master's order."""
    made: str = request.param(url)
    return made


@pytest.fixture
def oldest(url: str) -> str:
    """The same, of version 1."""
    return version_1(url)


def differences_from_the_tables(url: str) -> list[object]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            options = {
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _parents: kind != "table" or name != "alembic_version",
            }
            return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)
    finally:
        engine.dispose()


def open_in_another_process(url: str, cwd: Path, program: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OPEN, url],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(program)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_a_new_ledger_has_exactly_the_tables_that_the_program_works_with(url: str, clock: SetClock) -> None:
    with Ledger(url, clock):
        pass

    assert differences_from_the_tables(url) == []


def test_an_old_ledger_has_exactly_the_tables_of_a_new_one(old: str, clock: SetClock) -> None:
    with Ledger(old, clock):
        pass

    assert differences_from_the_tables(old) == []


def test_what_tests_remember_of_a_new_ledger_is_what_the_steps_make(tmp_path: Path, clock: SetClock) -> None:
    def made(name: str) -> list[tuple[object, ...]]:
        url = f"sqlite:///{tmp_path / name}"
        open_ledger(url, clock).close(5.0)
        tables = rows(url, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
        return tables + rows(url, "SELECT * FROM schema_version, alembic_version")

    step_by_step = made("steps.sqlite3")
    with remembered():
        made("first.sqlite3")
        assert made("remembered.sqlite3") == step_by_step


def test_the_last_step_makes_the_version_that_the_program_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))

    assert ScriptDirectory.from_config(config).get_heads() == [f"{tables.SCHEMA_VERSION:04}"]


def test_an_old_ledger_keeps_every_row(old: str, clock: SetClock) -> None:
    names = ("signals", "copies", "master_orders", "fills", "order_events", "copied_coins", "switches", "commands")
    before = {name: rows(old, f"SELECT count(*) FROM {name}") for name in names}

    with Ledger(old, clock) as ledger:
        first, second = signal_of(), signal_of("O2", Side.SELL)
        [filled] = [row for row in ledger.views.copies_of(first.signal_id) if row.account == DAIVON]
        [unknown] = ledger.views.open_copies()
        assert (filled.state, filled.order_id) == (OrderState.FILLED, "OU22CG-KLAF2-FWUDD7")
        assert (filled.executed, filled.milliseconds) == (QUANTITY, 31.25)
        assert (unknown.signal_id, unknown.state, unknown.leg) == (second.signal_id, OrderState.UNKNOWN, 1)
        assert ledger.copied_coins() == {(DAIVON, "BTC-USD"): QUANTITY}
        [order] = ledger.views.master_orders()
        assert (order.state, order.signal_id) == (OrderState.FILLED, first.signal_id)
        assert [row.balance for row in ledger.views.accounts()] == [Decimal("1034.55")]
        assert ledger.kill_switch() is not None
        assert len(ledger.views.events_of(filled.client_order_id)) == 3
    assert {name: rows(old, f"SELECT count(*) FROM {name}") for name in names} == before


def test_an_old_ledger_is_written_on(old: str, clock: SetClock) -> None:
    known, new = signal_of(), signal_of("O3")
    with Ledger(old, clock) as ledger:
        assert not ledger.record_plan(known, [copy_of(known)])
        assert ledger.record_plan(new, [copy_of(new)])

    assert rows(old, "SELECT order_id, number FROM signals ORDER BY number") == [
        ("O2", 1),
        ("OQCLML-BW3P3-BUCMWZ", 2),
        ("O3", 3),
    ]


def test_a_program_of_version_1_that_still_runs_is_not_held_up(oldest: str, clock: SetClock) -> None:
    with Ledger(oldest, clock):
        pass
    columns = "signal_id, venue, master, symbol, side, size_type, order_id, timestamp, planned_at, observe_only"
    for name in ("late 1", "late 2"):
        values = f"'{name}', 'kraken', 'master:kraken', 'BTC-USD', 'buy', 'base', '{name}', 1, 1, false"
        execute(oldest, f"INSERT INTO signals ({columns}) VALUES ({values})")
    new = signal_of("O3")

    with Ledger(oldest, clock) as ledger:
        assert ledger.record_plan(new, [copy_of(new)])
        assert ledger.views.counts().emitted == 5


def test_an_old_file_is_copied_before_it_is_changed(path: Path, clock: SetClock) -> None:
    version_1(url_of(path))
    with Ledger(url_of(path), clock):
        pass
    with Ledger(url_of(path), clock):
        pass

    [kept] = path.parent.glob("ledger.sqlite3.version-1-*")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with closing(sqlite3.connect(kept)) as other:
        assert other.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
        assert other.execute("SELECT count(*) FROM copies").fetchall() == [(3,)]
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_file_of_version_2_is_copied_before_it_is_changed(path: Path, clock: SetClock) -> None:
    version_2(url_of(path))
    with Ledger(url_of(path), clock) as ledger:
        assert [row.by_hand for row in ledger.views.recent_signals()] == [False, False]

    [kept] = path.parent.glob("ledger.sqlite3.version-2-*")
    with closing(sqlite3.connect(kept)) as other:
        assert other.execute("SELECT version FROM schema_version").fetchall() == [(2,)]
        assert "by_hand" not in {row[1] for row in other.execute("PRAGMA table_info(signals)")}


def test_a_step_that_fails_leaves_everything_as_it_was(oldest: str, clock: SetClock, tmp_path: Path) -> None:
    execute(oldest, "CREATE TABLE coin_adjustments (groceries TEXT)")

    with pytest.raises(LedgerUnavailable, match=r"cannot be opened: .*coin_adjustments.* already exists"):
        open_ledger(oldest, clock)

    assert rows(oldest, "SELECT version FROM schema_version") == [(1,)]
    with pytest.raises(DBAPIError):
        rows(oldest, "SELECT leg FROM copies")
    assert list(tmp_path.rglob("*.version-1-*")) == []
    execute(oldest, "DROP TABLE coin_adjustments")
    with Ledger(oldest, clock) as ledger:
        assert ledger.views.counts().emitted == 2


def test_of_processes_that_start_at_once_one_migrates_and_all_work(oldest: str, tmp_path: Path) -> None:
    ended: list[subprocess.CompletedProcess[str]] = []
    starts = [
        threading.Thread(target=lambda: ended.append(open_in_another_process(oldest, tmp_path))) for _ in range(3)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert [(one.returncode, one.stdout.strip(), one.stderr) for one in ended] == [(0, "2", "")] * 3
    assert differences_from_the_tables(oldest) == []
    assert len(list(tmp_path.rglob("*.version-1-*"))) == (1 if oldest.startswith("sqlite") else 0)


def test_of_processes_that_start_at_once_where_nothing_is_one_makes_the_ledger(url: str, tmp_path: Path) -> None:
    ended: list[subprocess.CompletedProcess[str]] = []
    starts = [threading.Thread(target=lambda: ended.append(open_in_another_process(url, tmp_path))) for _ in range(3)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert [(one.returncode, one.stdout.strip(), one.stderr) for one in ended] == [(0, "0", "")] * 3
    assert differences_from_the_tables(url) == []


def test_a_ledger_of_a_later_version_is_not_touched(url: str, clock: SetClock) -> None:
    with Ledger(url, clock):
        pass
    execute(url, "UPDATE schema_version SET version = 99")

    with pytest.raises(
        LedgerUnavailable,
        match=f"this program knows {NOW_AT}: use the version of the program",
    ):
        open_ledger(url, clock)
    with pytest.raises(LedgerUnavailable, match=f"has version 99, this program knows {NOW_AT}"):
        open_views(url)
    assert rows(url, "SELECT version FROM schema_version") == [(99,)]


def test_looking_at_an_old_ledger_changes_nothing_and_says_what_to_do(oldest: str) -> None:
    with pytest.raises(LedgerUnavailable, match=f"has version 1, this program reads {NOW_AT}: start the bot once"):
        open_views(oldest)

    assert rows(oldest, "SELECT version FROM schema_version") == [(1,)]


def test_another_programs_migrations_are_left_alone(url: str, clock: SetClock) -> None:
    if url.startswith("sqlite"):
        Path(make_url(url).database or "").parent.mkdir()
    execute(url, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    execute(url, "INSERT INTO alembic_version VALUES ('1975ea83b712')")

    with pytest.raises(LedgerUnavailable, match=r"cannot be brought up to date: .*1975ea83b712.*; check LEDGER_URL"):
        open_ledger(url, clock)

    assert rows(url, "SELECT version_num FROM alembic_version") == [("1975ea83b712",)]


def test_a_program_without_its_migrations_says_so_in_one_line(path: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copytree(REPOSITORY / "bot", program / "bot", ignore=shutil.ignore_patterns("__pycache__"))

    ended = open_in_another_process(url_of(path), tmp_path, program)

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("migrations is missing: install the whole program, not only bot/")


@pytest.mark.parametrize("table", ["order_events", "coin_adjustments"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET at = 0"])
def test_histories_can_only_grow(oldest: str, clock: SetClock, table: str, change: str) -> None:
    with Ledger(oldest, clock) as ledger:
        ledger.write_off(DAIVON, "BTC-USD", Decimal("0.001"), "sold by hand")

    with pytest.raises(DBAPIError, match=f"{table} is append-only"):
        execute(oldest, change.format(table))

    assert rows(oldest, f"SELECT max(at) FROM {table}") == [(NOW,)]
