"""A log file that is put aside when it is large, and found again when somebody else put it aside.

The handlers of the standard library do either the one or the other, lose the line at hand when a file cannot be
renamed, and make files that everybody may read.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from filelock import FileLock, Timeout

_MODE = 0o600
_FOLDER_MODE = 0o700
#: Seconds until a file that could not be put aside is tried again; it grows meanwhile.
_ROTATE_AGAIN_S = 60.0


class RotatingFile:
    """Appends lines to ``path``; ``path.1`` is the one that was put aside last. For one thread.

    Several processes may write to the same path: lines stay whole, and one of them at a time puts the file aside.

    Args:
        path: of the file; its folder is made where it is missing.
        largest: bytes at which a new file is begun.
        kept: how many that were put aside stay.
    """

    def __init__(self, path: Path, largest: int, kept: int) -> None:
        self._path, self._largest, self._kept = path, largest, kept
        self._lock = FileLock(f"{path}.lock", timeout=0, mode=_MODE)
        self._file: int | None = None
        self._place: tuple[int, int] | None = None
        self._torn = False
        self._rotate_after = 0.0

    def write(self, line: bytes) -> str:
        """Append one line, its end included.

        Returns:
            Why the file could not be put aside although it is large; mostly empty.

        Raises:
            OSError: the line is not written, or not whole.
        """
        file = self._here()
        trouble = ""
        if self._is_full(file, len(line)):
            try:
                self._rotate()
            except OSError as error:
                self._rotate_after = time.monotonic() + _ROTATE_AGAIN_S
                trouble = _cause(error)
            file = self._here()
        self._append(file, line)
        return trouble

    def close(self) -> None:
        """Let go of the file; a later line opens it again."""
        if self._file is not None:
            file, self._file, self._place = self._file, None, None
            os.close(file)

    def _here(self) -> int:
        if self._file is not None and _place_of(self._path) == self._place:
            return self._file
        # Nothing is open yet, or what is open was moved or removed by somebody else.
        self.close()
        self._path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
        try:
            found = os.fstat(file)
            if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) & ~_MODE:
                os.fchmod(file, _MODE)
        except OSError:
            os.close(file)
            raise
        self._file, self._place = file, (found.st_dev, found.st_ino)
        return file

    def _is_full(self, file: int, more: int) -> bool:
        found = os.fstat(file)
        full = stat.S_ISREG(found.st_mode) and found.st_size > 0 and found.st_size + more > self._largest
        return full and time.monotonic() >= self._rotate_after

    def _rotate(self) -> None:
        try:
            with self._lock:
                # Another process may have done it a moment ago.
                if _place_of(self._path) == self._place:
                    self._put_aside()
        except Timeout:
            return  # it is being done

    def _put_aside(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _append(self, file: int, line: bytes) -> None:
        if self._torn:
            # So that what follows half a line is not taken for its end.
            line = b"\n" + line
        written = 0
        try:
            while written < len(line):
                written += os.write(file, line[written:])
        finally:
            self._torn = 0 < written < len(line) or (self._torn and not written)


def _place_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _cause(error: OSError) -> str:
    return error.strerror or type(error).__name__
