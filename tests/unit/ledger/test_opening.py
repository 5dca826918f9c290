"""Where a ledger is, who may read it, and what is said when it cannot be opened."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.ledger import tables
from bot.ledger.database import Database
from bot.ledger.entries import AccountSeen
from bot.ledger.entry import ledger_url, open_ledger, open_views, url_of
from bot.ledger.journal import Ledger
from bot.ledger.outcomes import apply_entries
from tests.unit.ledger.builders import DAIVON, NOW, SetClock, copy_of, signal_of


def test_the_files_are_for_their_owner_only(ledger: Ledger, path: Path) -> None:
    ledger.record_plan(signal_of(), [])

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(path: Path, clock: SetClock) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)

    with Ledger(url_of(path), clock):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ledger_is_durable_and_says_no_to_broken_references(ledger: Ledger, path: Path) -> None:
    database = Database(url_of(path))
    with database.writing() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    database.dispose()

    full = 2
    assert settings == ["wal", full, 1, 5000]


def test_what_was_written_is_there_after_opening_again(path: Path, clock: SetClock) -> None:
    signal = signal_of()
    with Ledger(url_of(path), clock) as ledger:
        ledger.record_plan(signal, [copy_of(signal)])

    with Ledger(url_of(path), clock) as again:
        assert [row.state for row in again.views.open_copies()] == [OrderState.SUBMITTING]
        assert not again.record_plan(signal, [copy_of(signal)])


def test_a_folder_that_is_a_file_is_named(tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(LedgerUnavailable, match=r"data/ledger\.sqlite3 cannot be opened: .+; .+"):
        open_ledger(tmp_path / "data" / "ledger.sqlite3", clock)


def test_a_file_that_is_no_database_is_left_alone(path: Path, clock: SetClock) -> None:
    path.parent.mkdir()
    path.write_text("a list of groceries, long enough to be no header of a database " * 20)

    with pytest.raises(LedgerUnavailable, match="file is not a database; move the file away or restore it"):
        open_ledger(path, clock)

    assert path.read_text().startswith("a list of groceries")


@pytest.mark.parametrize("url", ["ledger", "nonsense://x", "sqlite:/x", "mysql://nija@127.0.0.1/nija"])
def test_a_url_that_cannot_be_read_says_what_one_looks_like(url: str, clock: SetClock) -> None:
    with pytest.raises(LedgerUnavailable, match="LEDGER_URL cannot be read: give sqlite:"):
        Ledger(url, clock)


def test_a_password_in_the_url_is_never_shown(clock: SetClock) -> None:
    with pytest.raises(LedgerUnavailable) as raised:
        Ledger("postgresql+psycopg://nija:s3cret@127.0.0.1:1/nija?connect_timeout=1", clock).open()

    assert "s3cret" not in str(raised.value)


def test_looking_before_there_is_a_ledger_says_so_and_makes_none(path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match=r"there is no ledger yet at .*: start the bot once"):
        open_views(path)

    assert not path.parent.exists()


def test_looking_at_another_programs_database_says_so(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE groceries (name TEXT)")

    with pytest.raises(LedgerUnavailable, match="is not a ledger of this program"):
        open_views(path)


def test_looking_cannot_write(ledger: Ledger, path: Path) -> None:
    database = Database(url_of(path), for_views=True)
    with pytest.raises(LedgerUnavailable, match="readonly"), database.reading() as connection:
        connection.execute(tables.accounts.delete())
    database.dispose()


def test_the_folder_of_the_data_has_the_ledger_unless_a_url_is_set(tmp_path: Path) -> None:
    assert ledger_url("", tmp_path) == f"sqlite:///{tmp_path}/ledger.sqlite3"
    assert ledger_url("postgresql+psycopg://db/nija", tmp_path) == "postgresql+psycopg://db/nija"


def test_a_ledger_in_memory_serves_writer_and_readers(clock: SetClock) -> None:
    signal = signal_of()
    with Ledger("sqlite://", clock) as ledger:
        ledger.record_plan(signal, [copy_of(signal)])
        ledger.set_kill_switch("test", "operator")

        assert ledger.kill_switch() is not None
        assert len(ledger.views.copies_of(signal.signal_id)) == 1


def test_tidying_moves_what_was_committed_into_the_file_itself(path: Path, tmp_path: Path) -> None:
    database = Database(url_of(path))
    database.prepare(NOW)
    seen = AccountSeen(DAIVON, True, "ready", Decimal("1034.55"), None, NOW)
    with database.writing() as connection:
        apply_entries(connection, [seen])
    database.tidy()
    shutil.copy(path, tmp_path / "alone.sqlite3")
    database.dispose()

    with closing(sqlite3.connect(tmp_path / "alone.sqlite3")) as alone:
        assert alone.execute("SELECT balance FROM accounts").fetchall() == [("1034.55",)]


@given(
    numbers=st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20), min_size=1
    )
)
def test_every_digit_of_a_number_comes_back(numbers: list[Decimal]) -> None:
    table = Table("numbers", MetaData(), Column("number", tables.DecimalText))
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"number": number} for number in numbers])
        assert list(connection.scalars(table.select())) == numbers
    engine.dispose()


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_the_tables_are_postgresqls_too_with_exact_numbers(table) -> None:
    statement = str(CreateTable(table).compile(dialect=postgresql.dialect()))

    assert "FLOAT" not in statement
    exact = [column.name for column in table.columns if isinstance(column.type, tables.DecimalText)]
    assert all(f"\t{name} NUMERIC" in statement for name in exact)
