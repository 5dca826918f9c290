"""The latest entries, read from the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from bot.audit.entries import BrokenLine, Entry, number_of, read_line
from bot.audit.files import files_of, lines_backwards


def latest_entries(
    folder: Path, limit: int, before: int | None = None, wanted: Callable[[Entry], bool] | None = None
) -> list[Entry]:
    """Entries, newest first; lines that cannot be read are left out: the check tells of them.

    Args:
        before: only entries with a lower number.
        wanted: only entries for which it says yes.

    Raises:
        OSError: a file cannot be read.
    """
    found: list[Entry] = []
    for entry in _backwards(folder, before):
        if len(found) >= limit:
            break
        if wanted is None or wanted(entry):
            found.append(entry)
    return found


def _backwards(folder: Path, before: int | None) -> Iterator[Entry]:
    for path in reversed(files_of(folder)):
        if before is not None and not _begins_before(path, before):
            continue
        for line in lines_backwards(path):
            try:
                if before is None or number_of(line) < before:
                    yield read_line(line, checked=False)
            except BrokenLine:
                continue


def _begins_before(path: Path, number: int) -> bool:
    with path.open("rb") as file:
        try:
            return number_of(file.readline()) < number
        except BrokenLine:
            return True
