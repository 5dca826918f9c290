"""New SQLite ledgers take their tables from the first one that this process migrated: the steps take 50 ms each time.

That the steps make what they should is the matter of tests/integration/ledger/test_migrations.py, where they are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from sqlalchemy import Connection

from bot.ledger import database
from bot.ledger.migrations import migrate
from bot.ledger.tables import SCHEMA_VERSION, schema_version

_STAMPS = "SELECT version_num FROM alembic_version"
_TABLES = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"

_statements: list[str] = []


@contextmanager
def remembered() -> Iterator[None]:
    """Within it new SQLite ledgers are made of what the first one was; old ones, and PostgreSQL's, as ever."""
    with mock.patch.object(database, "migrate", _migrate):
        yield


@contextmanager
def carried_out() -> Iterator[None]:
    """Within it every ledger is made step by step, as outside of tests."""
    with mock.patch.object(database, "migrate", migrate):
        yield


def remember() -> None:
    """Have the first one made now."""
    made = database.Database("sqlite://")
    made.prepare(0.0)
    made.dispose()


def _migrate(connection: Connection, found: int | None, now: float) -> None:
    if found is not None or connection.dialect.name != "sqlite":
        migrate(connection, found, now)
    elif not _statements:
        migrate(connection, found, now)
        made = [sql for (sql,) in connection.exec_driver_sql(_TABLES)]
        made += [f"INSERT INTO alembic_version VALUES ('{stamp}')" for (stamp,) in connection.exec_driver_sql(_STAMPS)]
        _statements.extend(made)
    else:
        for statement in _statements:
            connection.exec_driver_sql(statement)
        connection.execute(schema_version.insert().values(version=SCHEMA_VERSION, written_at=now))
