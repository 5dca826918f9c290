"""The ledger as CSV files, one a table, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Column, Connection, Double, Table, func, select

from bot.domain.ids import AccountId
from bot.domain.money import plain
from bot.ledger import tables

#: What is exported, each in the order in which it happened.
EXPORTED: dict[Table, tuple[str, ...]] = {
    tables.signals: ("number",),
    tables.copies: ("planned_at", "signal_id", "account", "leg"),
    tables.master_orders: ("intended_at", "client_order_id"),
    tables.fills: ("time", "account", "trade_id"),
    tables.order_events: ("id",),
    tables.copied_coins: ("account", "symbol"),
    tables.coin_adjustments: ("id",),
    tables.watches: ("account",),
    tables.balance_history: ("at", "account"),
    tables.uncopied: ("at", "account", "order_id"),
}

_ROWS_AT_ONCE = 1000
_NOT_TIMES = ("milliseconds",)

# A spreadsheet takes a cell that begins like this for a formula, and runs it (OWASP, "CSV Injection").
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(
    connection: Connection, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Write one file a table into a folder; files that only their owner can read.

    Args:
        connection: a transaction that sees one state.
        folder: made if it is not there.
        on_progress: told how many rows are done, of how many.

    Returns:
        Rows of each table.

    Raises:
        FileExistsError: one of the files is there already; nothing is written then.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {table: folder / f"{table.name}.csv" for table in EXPORTED}
    for file in files.values():
        if file.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    counts = {table: connection.scalar(select(func.count()).select_from(table)) or 0 for table in EXPORTED}
    total, done = sum(counts.values()), 0
    made = []
    try:
        for table, file in files.items():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            made.append(file)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as text:
                for written in _write_table(connection, table, text):
                    done += written
                    if on_progress is not None:
                        on_progress(done, total)
    except BaseException:
        for file in made:
            file.unlink()
        raise
    return {table.name: count for table, count in counts.items()}


def _write_table(connection: Connection, table: Table, text: TextIO) -> Iterator[int]:
    """Rows that were written, in lots."""
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    statement = select(table).order_by(*(table.c[name] for name in EXPORTED[table]))
    into_cells = [_cell_of(column) for column in table.columns]
    found = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement)
    for lot in found.partitions():
        writer.writerows([into(value) for into, value in zip(into_cells, row, strict=True)] for row in lot)
        yield len(lot)


def _cell_of(column: Column[Any]) -> Callable[[Any], str]:
    if isinstance(column.type, Double) and column.name not in _NOT_TIMES:
        return _time
    return _cell


def _time(unix_seconds: float | None) -> str:
    if unix_seconds is None:
        return ""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, StrEnum | AccountId | str):
        return _safe(str(value))
    return str(value)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text
