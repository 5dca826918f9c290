"""How each kind of database is connected to."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from bot.domain.errors import LedgerUnavailable

# The WAL is emptied by Database.tidy; a commit does it only when 10000 pages (40 MB) have gathered in spite of that.
_DURABLE = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=10000", "cache_size=-32000")

#: A PostgreSQL server that is gone is noticed within seconds (libpq docs, "Parameter Key Words").
_NOTICE_A_DEAD_SERVER = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}


def parse_url(url: str) -> URL:
    """An SQLAlchemy URL of a database that can hold a ledger, its driver loaded.

    Raises:
        LedgerUnavailable: it cannot be read, or the driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError("neither SQLite nor PostgreSQL")
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerUnavailable(
            "LEDGER_URL cannot be read: give sqlite:////absolute/path or postgresql+psycopg://user:password@host/name"
        ) from error
    except ModuleNotFoundError as error:
        raise LedgerUnavailable(
            f"LEDGER_URL needs the package {error.name}: begin it with postgresql+psycopg:// or install that package"
        ) from error
    return parsed


def is_sqlite(url: URL) -> bool:
    """Whether it is SQLite, in a file or in memory."""
    return url.get_backend_name() == "sqlite"


def is_in_memory(url: URL) -> bool:
    """Whether it is SQLite in memory."""
    return is_sqlite(url) and url.database in (None, "", ":memory:")


def make_engine(url: URL, busy_timeout_s: float, *, read_only: bool, durable: bool) -> Engine:
    """An engine; connects when it is first used.

    Args:
        busy_timeout_s: how long a statement waits for another process.
        read_only: refuses to write; several reads in one transaction then see one state.
        durable: a commit returns when the disk has it.
    """
    if is_sqlite(url):
        return _sqlite(url, busy_timeout_s, read_only=read_only, durable=durable)
    return _postgresql(url, busy_timeout_s, read_only=read_only)


def _sqlite(url: URL, busy_timeout_s: float, *, read_only: bool, durable: bool) -> Engine:
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": busy_timeout_s}}
    if is_in_memory(url):
        options["poolclass"] = StaticPool
    engine = create_engine(url, **options)
    pragmas = ["query_only=ON"] if read_only else [*(_DURABLE if durable else ()), "foreign_keys=ON"]

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # Python's driver would begin transactions by itself, late and deferred.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, busy_timeout_s: float, *, read_only: bool) -> Engine:
    wanted = {name: value for name, value in _NOTICE_A_DEAD_SERVER.items() if name not in url.query}
    engine = create_engine(url.update_query_dict(wanted), pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(busy_timeout_s * 1000)}")
            # Whatever the server's default is: a plan that a crash of the server loses was no plan.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    if read_only:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine
