"""``ledger``: copies of the ledger for keeping, and tables for people who count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from bot.cli import ledger_check
from bot.cli.common import BAD_SETTINGS, FAILED, complain, err, out
from bot.ledger.entry import back_up_ledger, export_ledger, ledger_url
from bot.settings.env import load_settings

#: What is done sooner needs no bar.
_PATIENCE_S = 2.0

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
app.command()(ledger_check.check)


@app.callback()
def group() -> None:
    """Keep copies of the ledger, compare it, and take its tables elsewhere. Safe while the bot runs."""


@app.command()
def backup(
    path: Annotated[
        Path | None,
        typer.Argument(help="File to make, or a folder for it; by default in the data folder under backups/."),
    ] = None,
) -> None:
    """Copy the ledger into one file, complete and checked, while the bot goes on.

    Restore: stop the bot, put the file in the place of [bold]ledger.sqlite3[/bold], remove ledger.sqlite3-wal and
    ledger.sqlite3-shm, start the bot. Never replaces a file. A ledger on PostgreSQL is backed up with pg_dump.
    """
    environment = load_settings().environment
    name = f"ledger-{_now()}.sqlite3"
    folder = environment.nija_data_dir / "backups" if path is None else path
    target = folder / name if path is None or path.is_dir() else path
    with _bar("copying the ledger") as report:
        back_up_ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), target, report)
    out.print(f"✅ the ledger is backed up: {target}", markup=False, soft_wrap=True)


@app.command()
def export(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder for the files; by default a new one in the data folder under exports/."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV files, one a table: the only format there is.")] = False,
) -> None:
    """Write signals, copies, orders, fills, events and coins as tables, as they are at this moment.

    Amounts are exact decimals, times ISO 8601 in UTC, missing values empty. A text that a spreadsheet would run as a
    formula has an apostrophe before it. Never replaces a file.
    """
    if not csv:
        complain("say in which format: python bot.py ledger export --csv")
        raise typer.Exit(BAD_SETTINGS)
    environment = load_settings().environment
    target = folder or environment.nija_data_dir / "exports" / _now()
    with _bar("writing tables") as report:
        counts = export_ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), target, report)
    for name, count in counts.items():
        out.print(f"{name}.csv: {count:,} rows", markup=False, highlight=False)
    out.print(f"✅ the ledger is exported: {target}", markup=False, soft_wrap=True)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error for what takes longer than a moment; a file that is there already is told."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    task, begun = progress.add_task(what, total=None), time.monotonic()

    def report(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)
        if time.monotonic() - begun > _PATIENCE_S:
            progress.start()

    try:
        yield report
    except FileExistsError as error:
        complain(f"{error.filename} is there already: name another place")
        raise typer.Exit(FAILED) from None
    finally:
        progress.stop()


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
