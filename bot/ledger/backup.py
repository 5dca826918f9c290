"""Copies of an SQLite file, made while it is written."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

#: Pages between two words on the progress: 16 MB.
_STEP = 4096


def copy_database(
    source: sqlite3.Connection, target: Path, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Copy a database as it is at this moment; the copy is checked, and only its owner can read it.

    Args:
        source: in WAL mode, so that writers go on meanwhile; outside of a transaction.
        target: a file that is not there yet; it appears when it is whole.
        on_progress: told how many pages are done, of how many.

    Raises:
        FileExistsError: ``target`` is there already.
        sqlite3.Error, OSError: it was not copied, or the copy is not sound.
    """
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _fill(source, partial, on_progress)
        _move_without_replacing(partial, target)
    finally:
        for leftover in (partial, *(partial.with_name(partial.name + end) for end in ("-journal", "-wal", "-shm"))):
            leftover.unlink(missing_ok=True)


def _fill(source: sqlite3.Connection, partial: Path, on_progress: Callable[[int, int], None] | None) -> None:
    def told(_status: int, left: int, total: int) -> None:
        if on_progress is not None:
            on_progress(total - left, total)

    # One look for the whole copy: without it every commit of a writer would make it begin again.
    source.execute("BEGIN")
    try:
        source.execute("SELECT count(*) FROM sqlite_master").fetchall()
        with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
            source.backup(copy, pages=_STEP, progress=told, sleep=0)
            # One file that is complete by itself.
            copy.execute("PRAGMA journal_mode=DELETE")
            [found] = copy.execute("PRAGMA integrity_check(1)").fetchone()
    finally:
        source.execute("ROLLBACK")
    if found != "ok":
        raise sqlite3.DatabaseError(f"the copy is malformed: {found}")
    with partial.open("rb") as file:
        os.fsync(file.fileno())


def _move_without_replacing(partial: Path, target: Path) -> None:
    # Taking the name first works on every file system; hard links do not.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
