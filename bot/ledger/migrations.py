"""Brings a database to the version that this program knows: Alembic runs the steps in the folder ``migrations``."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, select

from bot.domain.errors import LedgerUnavailable
from bot.ledger.tables import SCHEMA_VERSION, schema_version

_log = logging.getLogger("nija.ledger")

#: Beside the package ``bot``, wherever the program is started from.
FOLDER = Path(__file__).resolve().parents[2] / "migrations"

_STAMP_TABLE = "alembic_version"
_FIRST = "0001"

# Alembic's context is one for the whole process.
_one_at_a_time = threading.Lock()


def version_of(connection: Connection) -> int | None:
    """The version of the tables; None where there are none of this program."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    version: int | None = connection.scalar(select(schema_version.c.version))
    return version


def migrate(connection: Connection, found: int | None, now: float) -> None:
    """Bring the tables from the version ``found`` to the newest, within the transaction given.

    Raises:
        LedgerUnavailable: the steps are not there.
    """
    # It would tell an operator a dozen lines about itself.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Only here: half of what a command takes to start would go into it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if not (FOLDER / "env.py").exists():
        raise LedgerUnavailable(f"the folder {FOLDER} is missing: install the whole program, not only bot/")
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        with _one_at_a_time:
            if found is not None and not inspect(connection).has_table(_STAMP_TABLE):
                # Made before there were migrations.
                command.stamp(config, _FIRST)
            command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerUnavailable(f"the ledger cannot be brought up to date: {error}; check LEDGER_URL") from error
    if found is None:
        connection.execute(schema_version.insert().values(version=SCHEMA_VERSION, written_at=now))
    else:
        connection.execute(schema_version.update().values(version=SCHEMA_VERSION, written_at=now))
        _log.info("the ledger was brought from version %s to %s", found, SCHEMA_VERSION)
