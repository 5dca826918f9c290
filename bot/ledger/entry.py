"""How to get at a ledger: to write it, to look, or to take a copy away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.domain.errors import LedgerUnavailable
from bot.domain.ports import Clock
from bot.ledger.database import Database
from bot.ledger.export import write_csv
from bot.ledger.journal import Ledger
from bot.ledger.views import Views

Progress = Callable[[int, int], None]

#: Name of the SQLite file in the data folder.
FILE_NAME = "ledger.sqlite3"


def ledger_url(configured: str, data_dir: Path) -> str:
    """The URL that was configured (``LEDGER_URL``), or where that is empty the SQLite file of the data folder."""
    return configured or url_of(data_dir / FILE_NAME)


def url_of(place: str | Path) -> str:
    """An SQLAlchemy URL from a URL (as it is) or from the path of an SQLite file."""
    if isinstance(place, str) and "://" in place:
        return place
    return URL.create("sqlite", database=str(Path(place).expanduser().absolute())).render_as_string(hide_password=False)


def password_of(url: str) -> str:
    """The password in a URL, which no log may show; empty when there is none, or no URL."""
    try:
        return make_url(url).password or ""
    except ArgumentError:
        return ""


def open_ledger(place: str | Path, clock: Clock, *, busy_timeout_s: float = 5.0) -> Ledger:
    """Open a ledger for writing; made when it is not there.

    Raises:
        LedgerUnavailable: it cannot be opened; path, cause and mend are in the text.
    """
    ledger = Ledger(url_of(place), clock, busy_timeout_s=busy_timeout_s)
    ledger.open()
    return ledger


def open_views(place: str | Path, *, busy_timeout_s: float = 5.0) -> Views:
    """Open a ledger for looking, beside the process that writes it; makes nothing and never holds it up.

    Raises:
        LedgerUnavailable: there is no ledger yet, or it cannot be read.
    """
    database = Database(url_of(place), busy_timeout_s=busy_timeout_s, for_views=True)
    try:
        database.check()
    except BaseException:
        database.dispose()
        raise
    return Views(database)


def back_up_ledger(place: str | Path, target: Path, on_progress: Progress | None = None) -> None:
    """Copy a ledger of any version as it is at this moment, beside the process that writes it.

    Args:
        target: a file that is not there yet.
        on_progress: told how much is done, of how much.

    Raises:
        FileExistsError: ``target`` is there already.
        LedgerUnavailable: there is no ledger, it cannot be copied, or it is on PostgreSQL, which has its own tools.
    """
    database = Database(url_of(place), for_views=True)
    try:
        if not database.file:
            raise LedgerUnavailable(
                "the ledger is on a PostgreSQL server, which has its own tool: pg_dump --format=custom "
                f"--file=ledger.dump '{_address(url_of(place))}'"
            )
        database.check_file()
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise database.unavailable(f"copied to {target}", error) from error
        database.copy_to(target, on_progress)
    finally:
        database.dispose()


def export_ledger(place: str | Path, folder: Path, on_progress: Progress | None = None) -> dict[str, int]:
    """Write every table that people care for as a CSV file; returns the rows of each.

    Args:
        folder: made if it is not there.
        on_progress: told how many rows are done, of how many.

    Raises:
        FileExistsError: one of the files is there already.
        LedgerUnavailable: there is no ledger, it cannot be read, or the folder cannot be written.
    """
    database = Database(url_of(place), for_views=True)
    try:
        database.check()
        with database.reading() as connection:
            return write_csv(connection, folder, on_progress)
    except FileExistsError:
        raise
    except OSError as error:
        raise database.unavailable(f"exported to {folder}", error) from error
    finally:
        database.dispose()


def _address(url: str) -> str:
    """As PostgreSQL's own programs take it; they ask for the password."""
    parsed = make_url(url)
    return URL.create(
        "postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    ).render_as_string()
