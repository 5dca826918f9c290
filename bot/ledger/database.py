"""One database: its engines, its transactions, and its faults in words for people."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.domain.errors import LedgerUnavailable
from bot.ledger.backup import copy_database
from bot.ledger.engines import is_in_memory, is_sqlite, make_engine, parse_url
from bot.ledger.migrations import migrate, version_of
from bot.ledger.tables import SCHEMA_VERSION

_MENDS = (
    ("locked", "end the other program that holds it"),
    ("lock timeout", "end the other program that holds it"),
    ("full", "make room on the disk"),
    ("no space left", "make room on the disk"),
    ("readonly", "make the file and its folder writable for this user"),
    ("read-only", "make the file and its folder writable for this user"),
    ("permission", "make the file and its folder writable for this user"),
    ("not a database", "move the file away or restore it from a backup"),
    ("malformed", "stop, and restore it from a backup"),
    ("disk i/o", "check the disk"),
    ("connection", "see that the database server runs and can be reached"),
)
_OTHER_MEND = "check LEDGER_URL and NIJA_DATA_DIR"

#: Key of the PostgreSQL lock that one process holds while it migrates; any number that others do not use.
_MIGRATION_LOCK = 7_101_152_001


class CommitUnclear(Exception):
    """The connection broke while a commit was on its way: it may have been done. ``number`` is the transaction's."""

    def __init__(self, number: int) -> None:
        super().__init__("the connection broke during the commit")
        self.number = number


def is_storage_fault(error: BaseException) -> bool:
    """Whether the database could not be written at all, as against one statement that it refused."""
    if isinstance(error, DBAPIError):
        refused = isinstance(error, IntegrityError | DataError | ProgrammingError | InterfaceError)
        return error.connection_invalidated or not refused
    return isinstance(error, PoolTimeout | OSError | CommitUnclear)


def cause_of(error: BaseException) -> str:
    """What the database said, in one line and without the statement, which PostgreSQL shows below it."""
    said = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    return next((line.strip() for line in str(said).splitlines() if line.strip()), type(said).__name__)


class Database:
    """The engines of one ledger.

    On SQLite every write begins with ``BEGIN IMMEDIATE``: two processes wait for each other instead of failing half-way
    (SQLite docs, "Transaction", 2.2). In memory there is one connection only, so that its users take turns.

    Args:
        url: an SQLAlchemy URL; SQLite files, ``sqlite://`` for memory, or ``postgresql+psycopg://...``.
        busy_timeout_s: how long a statement waits for another process.
        for_views: never writes, never creates anything.

    Raises:
        LedgerUnavailable: the URL cannot be read.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 5.0, for_views: bool = False) -> None:
        self._url = parse_url(url)
        in_memory = is_in_memory(self._url)
        self._turns: AbstractContextManager[Any] = threading.RLock() if in_memory else nullcontext()
        durable = not in_memory and not for_views
        self._writer = make_engine(self._url, busy_timeout_s, read_only=False, durable=durable)
        self._reader = (
            self._writer if in_memory else make_engine(self._url, busy_timeout_s, read_only=True, durable=False)
        )

    @property
    def label(self) -> str:
        """Path of the file, or the URL without its password."""
        return str(self.file) if self.file else self._url.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file, where it is SQLite in one."""
        in_file = is_sqlite(self._url) and not is_in_memory(self._url) and self._url.database
        return Path(in_file) if in_file else None

    def prepare(self, now: float) -> None:
        """Create the file and the tables, or bring those that are there to this program's version.

        A process that comes while another one migrates waits for it. A file is copied before it is migrated.

        Raises:
            LedgerUnavailable: with the path, the cause and the mend.
        """
        try:
            if self.file:
                _create_private(self.file)
            with self.writing() as connection:
                self._bring_up(connection, now)
        except (SQLAlchemyError, sqlite3.Error, OSError, CommitUnclear) as error:
            raise self.unavailable("opened", error) from error

    def check(self) -> None:
        """Make sure that there is a ledger of this version to read.

        Raises:
            LedgerUnavailable: there is none yet, it is not one, or another version's.
        """
        self.check_file()
        with self.reading() as connection:
            found = version_of(connection)
        if found is None:
            raise LedgerUnavailable(f"{self.label} is not a ledger of this program: check LEDGER_URL")
        self._refuse_newer(found)
        if found < SCHEMA_VERSION:
            raise LedgerUnavailable(
                f"the ledger {self.label} has version {found}, this program reads {SCHEMA_VERSION}: "
                "start the bot once, which brings it up to date"
            )

    def check_file(self) -> None:
        """Make sure that there is something to read at all.

        Raises:
            LedgerUnavailable: the file is not there, or empty.
        """
        if self.file and (not self.file.exists() or self.file.stat().st_size == 0):
            raise LedgerUnavailable(f"there is no ledger yet at {self.label}: start the bot once, or set NIJA_DATA_DIR")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write; committed at the end, rolled back on any error.

        Raises:
            CommitUnclear: it may have been committed; :meth:`was_committed` tells, once the database answers again.
        """
        with self._turns, self._writer.connect() as connection, connection.begin() as transaction:
            yield connection
            number = None if is_sqlite(self._url) else connection.scalar(text("SELECT txid_current()"))
            try:
                transaction.commit()
            except DBAPIError as error:
                if number is None or not error.connection_invalidated:
                    raise
                raise CommitUnclear(number) from error

    def was_committed(self, number: int) -> bool | None:
        """Whether the transaction of this number was committed; None while the server is still at it.

        Raises:
            LedgerUnavailable: the server does not answer.
        """
        with self.reading() as connection:
            try:
                status = connection.scalar(text("SELECT txid_status(:number)"), {"number": number})
            except DataError:
                # A server that took over, and that never saw it (PostgreSQL docs, "Transaction ID and Snapshot").
                return False
        return None if status == "in progress" else status == "committed"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look; keep it short.

        Raises:
            LedgerUnavailable: the database could not be read.
        """
        try:
            with self._turns, self._reader.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            raise self.unavailable("read", error) from error

    @property
    def tidies(self) -> bool:
        """Whether :meth:`tidy` has anything to do here."""
        return self.file is not None

    def tidy(self) -> None:
        """Move what was committed from the WAL into the file, beside the writer, whose commits would wait for it."""
        with self._raw() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def copy_to(self, target: Path, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Copy an SQLite file as it is at this moment, beside whoever writes it.

        Args:
            target: a file that is not there yet.
            on_progress: told how many pages are done, of how many.

        Raises:
            LedgerUnavailable: with the path, the cause and the mend; ``target`` is not there then.
            FileExistsError: ``target`` is there already.
        """
        try:
            with self._raw() as connection:
                copy_database(connection, target, on_progress)
        except FileExistsError:
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise self.unavailable(f"copied to {target}", error) from error

    def dispose(self) -> None:
        """Close every connection."""
        self._reader.dispose()
        self._writer.dispose()

    def unavailable(self, what: str, error: BaseException) -> LedgerUnavailable:
        """The error for people: what could not be done, why, and the mend."""
        cause = cause_of(error)
        mend = next((mend for said, mend in _MENDS if said in cause.lower()), _OTHER_MEND)
        return LedgerUnavailable(f"the ledger {self.label} cannot be {what}: {cause}; {mend}")

    def _bring_up(self, connection: Connection, now: float) -> None:
        if not is_sqlite(self._url):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        found = version_of(connection)
        if found == SCHEMA_VERSION:
            return
        if found is None:
            migrate(connection, found, now)
            return
        self._refuse_newer(found)
        with self._kept_copy(found, now):
            migrate(connection, found, now)

    @contextmanager
    def _kept_copy(self, found: int, now: float) -> Iterator[None]:
        if self.file is None:
            yield
            return
        kept = self.file.with_name(
            f"{self.file.name}.version-{found}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
        )
        self.copy_to(kept)
        try:
            yield
        except BaseException:
            # The file itself is as it was: tries that fail shall not fill the disk.
            kept.unlink()
            raise

    def _refuse_newer(self, found: int) -> None:
        if found > SCHEMA_VERSION:
            raise LedgerUnavailable(
                f"the ledger {self.label} has version {found}, this program knows {SCHEMA_VERSION}: "
                "use the version of the program that wrote it, or restore the backup of before"
            )

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        pooled = self._reader.raw_connection()
        try:
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            yield connection
        finally:
            pooled.close()


def _create_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.close(descriptor)
    path.chmod(0o600)
