"""Whether the chain is whole: read from its first line to its last, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.audit.entries import GENESIS, AuditKind, BrokenLine, Entry, read_line
from bot.audit.files import file_number, files_of, read_head

#: Faults that are kept; where there are more, the rest is of the same making.
MOST_FAULTS = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong, and where: a file with its line, or what it was compared with."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ChainCheck:
    """Reads the whole log, forwards; may be asked to go on as the log grows.

    Attributes:
        entries: how many were read.
        faults: what is wrong, in the order of the log.
        remarks: what the log says of itself: ends that were torn and mended.

    Args:
        on_entry: told every entry whose text is the one that was written.
        end: file number and bytes at which the log ends for this check, taken while nobody wrote; None: it goes on as
            the log grows, and half a line at the end is one that somebody is at.
    """

    def __init__(
        self,
        folder: Path,
        on_entry: Callable[[Entry], None] | None = None,
        end: tuple[int, int] | None = None,
    ) -> None:
        self._folder = folder
        self._on_entry = on_entry
        self._end = end
        self._head = read_head(folder)
        self._file = 0
        self._offset = 0
        self._line = 0
        self._number = 0
        self._hash = GENESIS
        self._gone = False
        self._head_seen = self._head is None
        self.entries = 0
        self.bytes_read = 0
        self.faults: list[Fault] = []
        self.remarks: list[str] = []

    @property
    def number(self) -> int:
        """Number of the last entry that was read."""
        return self._number

    @property
    def hash(self) -> str:
        """Hash of the last entry that was read."""
        return self._hash

    def advance(self, most_lines: int) -> bool:
        """Read on, at most so many lines; whether the end is reached.

        Raises:
            OSError: a file cannot be read.
        """
        left = most_lines
        while left > 0:
            path = self._next_path()
            if path is None:
                return True
            read = self._read(path, left)
            left -= read
            if read == 0 and not self._step(path):
                return True
        return False

    def finish(self) -> None:
        """Compare the end with the head that was noted; call when :meth:`advance` reached the end."""
        if self._head is None:
            # Where the log had only begun, it was written since.
            if self.entries and read_head(self._folder) is None:
                self._add("head.json", "is not there or cannot be read, so a cut-off end cannot be told")
        elif self._number < self._head.number:
            lost = f"entries {self._number + 1} to {self._head.number}" if self._number else "all entries"
            self._add("the end", f"{lost} are missing: the log was cut off")
        elif not self._head_seen:
            self._add("head.json", f"entry {self._head.number} has another hash than was noted: it was changed")

    # -- reading -------------------------------------------------------------------------------------------------

    def _next_path(self) -> Path | None:
        if self._file == 0 and not self._step(None):
            return None
        return next((path for path in files_of(self._folder) if file_number(path) == self._file), None)

    def _step(self, path: Path | None) -> bool:
        """To the next file; whether there is one."""
        later = [number for number in map(file_number, files_of(self._folder)) if number > self._file]
        if not later or (self._end is not None and later[0] > self._end[0]):
            if path is not None:
                self._check_rest(path)
            return False
        if path is not None:
            self._check_rest(path, final=False)
        if later[0] != self._file + 1:
            self._add(f"audit-{self._file + 1:06}.jsonl", "the file is missing")
        self._file, self._offset, self._line = later[0], 0, 0
        return True

    def _check_rest(self, path: Path, final: bool = True) -> None:
        limit = self._limit(path)
        if self._offset < limit and not self._gone and not (final and self._end is None):
            self._gone = final
            self._add(f"{path.name} line {self._line + 1}", "the line has no end: it was torn or cut off")

    def _limit(self, path: Path) -> int:
        size = path.stat().st_size
        return min(size, self._end[1]) if self._end is not None and self._file == self._end[0] else size

    def _read(self, path: Path, most: int) -> int:
        limit, read = self._limit(path), 0
        with path.open("rb") as file:
            file.seek(self._offset)
            while read < most and self._offset < limit:
                line = file.readline()
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                self.bytes_read += len(line)
                self._line += 1
                read += 1
                self._look_at(line, f"{path.name} line {self._line}")
        return read

    def _look_at(self, line: bytes, where: str) -> None:
        self.entries += 1
        changed = ""
        try:
            entry = read_line(line)
        except BrokenLine as error:
            changed = str(error)
            try:
                entry = read_line(line, checked=False)
            except BrokenLine:
                self._add(where, changed)
                return
        where = f"{where} (entry {entry.number})"
        if changed:
            self._add(where, changed)
        self._compare(entry, where)
        self._number, self._hash = entry.number, entry.hash
        if self._head is not None and entry.number == self._head.number:
            self._head_seen = entry.hash == self._head.hash
        if not changed:
            self._note(entry, where)

    def _compare(self, entry: Entry, where: str) -> None:
        expected = self._number + 1
        if entry.number > expected:
            which = (
                f"entry {expected} is"
                if entry.number == expected + 1
                else f"entries {expected} to {entry.number - 1} are"
            )
            self._add(where, f"{which} missing before it")
        elif entry.number < expected:
            self._add(where, f"it stands behind entry {self._number}: it was put in, or moved")
        if entry.previous != self._hash:
            self._add(where, "it does not go on from the line before: something was changed, taken out or put in")

    def _note(self, entry: Entry, where: str) -> None:
        if self._on_entry is not None:
            self._on_entry(entry)
        if entry.kind is AuditKind.AUDIT and ("torn" in entry.detail or "ledger_from" in entry.detail):
            self.remarks.append(f"entry {entry.number}, {entry.at}: {entry.what}")

    def _add(self, where: str, what: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(where, what))


def whole_lines_end(folder: Path) -> tuple[int, int] | None:
    """Last file and its size, to be taken while nobody writes; None when there is no file."""
    files = files_of(folder)
    return (file_number(files[-1]), files[-1].stat().st_size) if files else None
