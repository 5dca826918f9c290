"""Appends to the log: one process at a time, synced to the disk, and honest about what it finds broken."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from filelock import FileLock

from bot.audit.entries import GENESIS, AuditKind, BrokenLine, Draft, Entry, read_line, write_line
from bot.audit.files import (
    FOLDER_NAME,
    Head,
    file_number,
    file_of,
    files_of,
    read_head,
    sync_folder,
    write_all,
    write_head,
    write_private,
)
from bot.audit.marks import Marks
from bot.domain.ports import Clock

#: Bytes at which the next file is begun: a start reads the last file whole, in well under a second.
FILE_BYTES = 8_000_000
#: Seconds that a process waits for another one's turn, which takes milliseconds.
_TURN_WITHIN_S = 10.0
_ASK_AGAIN_S = 0.005
_OWN = "audit"


class AuditChain:
    """The log in one folder. Several processes may append; one thread of each.

    Args:
        folder: made with mode 0700 when it is not there.
        file_bytes: size at which the next file is begun.
    """

    def __init__(self, folder: Path, clock: Clock, *, file_bytes: int = FILE_BYTES) -> None:
        self.folder = folder
        self._clock = clock
        self._file_bytes = file_bytes
        self._lock = FileLock(folder / "audit.lock", mode=0o600)
        self._forget()

    @property
    def marks(self) -> Marks:
        """What the log has of the ledger, as of the last look."""
        return self._marks

    @property
    def number(self) -> int:
        """The number of the last entry, as of the last look; 0 when there is none."""
        return self._number

    def turn(self) -> AbstractContextManager[object]:
        """Keeps everybody else from writing for as long as the context lasts.

        Raises:
            OSError: the folder cannot be used, or another process does not end its turn.
        """
        return self._lock.acquire(timeout=_TURN_WITHIN_S, poll_interval=_ASK_AGAIN_S)

    def look(self) -> Marks:
        """Read what others have written, and mend a torn end.

        Raises:
            OSError: the folder cannot be used.
        """
        self.append(())
        return self._marks

    def append(self, drafts: Sequence[Draft]) -> None:
        """Write these, in order; once it returns they are on the disk. On an error nothing is written, or a part.

        Raises:
            OSError: it cannot be written (the disk is full); a Timeout of the lock is one too.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.turn():
            self._catch_up()
            if not drafts:
                return
            self._write(drafts)

    # -- reading -------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._file = 0
        self._end = 0
        self._number = 0
        self._hash = GENESIS
        self._marks = Marks()

    def _catch_up(self) -> None:
        was, files = self._number, files_of(self.folder)
        known = file_of(self.folder, self._file)
        if self._file and (known not in files or known.stat().st_size < self._end):
            self._forget()
        if files and not self._file:
            # A last file that does not begin with the marks was changed: then all files have to be read.
            self._file = file_number(files[-1] if _has_marks(files[-1]) else files[0])
        for number in map(file_number, files):
            if number > self._file:
                self._file, self._end = number, 0
            if number == self._file:
                self._read_rest()
        self._mend(max(was, self._noted()))

    def _read_rest(self) -> None:
        with file_of(self.folder, self._file).open("rb") as file:
            file.seek(self._end)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    self._take(read_line(line))
                except BrokenLine:
                    self._take_place_only(line)
                self._end += len(line)

    def _take(self, entry: Entry) -> None:
        self._number, self._hash = entry.number, entry.hash
        self._marks.take(entry)

    def _take_place_only(self, line: bytes) -> None:
        # That it was changed is for the check to tell of. Nothing that it says is believed; where no place in the chain
        # can be read either, what comes next goes on from the line before.
        with contextlib.suppress(BrokenLine):
            entry = read_line(line, checked=False)
            self._number, self._hash = entry.number, entry.hash

    def _noted(self) -> int:
        head = read_head(self.folder)
        return 0 if head is None else head.number

    # -- mending -------------------------------------------------------------------------------------------------

    def _mend(self, reached: int) -> None:
        """Says in the log itself what is found wrong with its end."""
        found: list[Draft] = []
        torn = self._torn_rest()
        if torn:
            found.append(self._put_aside(torn))
        if self._number < reached:
            text = f"the end of the log was cut off: entries {self._number + 1} to {reached} were written, and are gone"
            found.append(_own(text, {"cut_off": {"first": self._number + 1, "last": reached}}))
            # What comes next must not look like what is gone.
            self._number = reached
        if found:
            # However long the file is: in another one, this one would end with half a line for ever.
            self._write(found, same_file=bool(torn))

    def _torn_rest(self) -> bytes:
        if not self._file:
            return b""
        with file_of(self.folder, self._file).open("rb") as file:
            file.seek(self._end)
            return file.read()

    def _put_aside(self, torn: bytes) -> Draft:
        digest = hashlib.sha256(torn).hexdigest()
        kept = f"torn-{self._number + 1}-{digest[:12]}.txt"
        write_private(self.folder / kept, torn, synced=True)
        text = f"the last line was torn ({len(torn)} bytes, a crash or a full disk); it is kept aside as {kept}"
        return _own(text, {"torn": {"bytes": len(torn), "sha256": digest, "kept_as": kept}})

    # -- writing -------------------------------------------------------------------------------------------------

    def _write(self, drafts: Sequence[Draft], *, same_file: bool = False) -> None:
        before = (self._file, self._end)
        if not self._file or (self._end >= self._file_bytes and not same_file):
            self._file, self._end = self._file + 1, 0
        if is_new := self._end == 0:
            drafts = [_own(f"file {self._file} begins", {"file": self._file, "marks": self._marks.as_json()}), *drafts]
        try:
            self._put(lines := self._lines(drafts))
        except BaseException:
            self._file, self._end = before
            raise
        for line in lines:
            self._take(read_line(line, checked=False))
            self._end += len(line)
        # It is written: what fails from here on must not have it written twice.
        with contextlib.suppress(OSError):
            write_head(self.folder, Head(self._number, self._hash))
            if is_new:
                sync_folder(self.folder)

    def _lines(self, drafts: Iterable[Draft]) -> list[bytes]:
        at, number, previous = self._clock.time(), self._number, self._hash
        lines: list[bytes] = []
        for draft in drafts:
            number += 1
            line, previous = write_line(draft, number, at, previous)
            lines.append(line)
        return lines

    def _put(self, lines: Iterable[bytes]) -> None:
        content = b"".join(lines)
        path = file_of(self.folder, self._file)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.lseek(descriptor, self._end, os.SEEK_SET)
            write_all(descriptor, content)
            # What was torn may have been longer than the line that says so.
            os.ftruncate(descriptor, self._end + len(content))
            os.fsync(descriptor)
        except OSError:
            # A full disk leaves half a line; taking it off needs no room.
            os.ftruncate(descriptor, self._end)
            raise
        finally:
            os.close(descriptor)


def _own(what: str, detail: dict[str, Any]) -> Draft:
    return Draft(AuditKind.AUDIT, _OWN, what, detail)


def _has_marks(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            return "marks" in read_line(file.readline()).detail
        except BrokenLine:
            return False


def append_now(data_dir: Path, clock: Clock, kind: AuditKind, who: str, what: str, **detail: object) -> None:
    """Write one entry from a command of its own, beside a running bot or without one.

    Raises:
        OSError: it could not be written.
    """
    AuditChain(data_dir / FOLDER_NAME, clock).append([Draft(kind, who, what, detail)])
