"""Who writes the lines, each in a thread of its own: a terminal that stands still keeps no line from the file."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
import time
from collections.abc import Callable
from typing import IO, Any

from bot.reporting.log.file import RotatingFile
from bot.reporting.log.formatting import LineFormatter

#: Records that wait for a writer that does not come on. What comes then is counted and dropped: memory is for trading.
_MOST_WAITING = 100_000
#: Seconds that an end waits for a writer that writes nothing any more.
_CLOSE_WITHIN_S = 5.0
#: Seconds between two times that trouble with the file is told of.
_TELL_EVERY_S = 600.0


class _Writer(logging.Handler):
    """Makes a record into a line, whatever is in it."""

    def __init__(self, formatter: LineFormatter) -> None:
        super().__init__()
        self._lines = formatter

    def _line_of(self, record: logging.LogRecord) -> str:
        try:
            return self._lines.format(record)
        except Exception:
            # The library's own answer prints the record's arguments past the mask.
            return self._lines.said_by_place(record)


class StreamWriter(_Writer):
    """Writes to a terminal, or to whatever stands in for one; one that broke stops nobody."""

    def __init__(self, formatter: LineFormatter, stream: IO[str]) -> None:
        super().__init__(formatter)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        line = self._line_of(record)
        with contextlib.suppress(OSError, ValueError):
            try:
                self._stream.write(f"{line}\n")
            except UnicodeEncodeError:
                self._stream.write(f"{line.encode('ascii', 'backslashreplace').decode()}\n")
            self._stream.flush()


class FileWriter(_Writer):
    """Writes to a file; where that fails, tells it once and goes on trying.

    Args:
        tell: takes what people should know of the file.
    """

    def __init__(self, formatter: LineFormatter, file: RotatingFile, name: str, tell: Callable[[str], None]) -> None:
        super().__init__(formatter)
        self._file, self._file_name, self._tell = file, name, tell
        self._lost = 0
        self._told_of_loss = False
        self._tell_after: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        line = f"{self._line_of(record)}\n".encode(errors="backslashreplace")
        try:
            trouble = self._file.write(line)
        except (OSError, ValueError) as error:
            self._lost += 1
            reason = getattr(error, "strerror", None) or type(error).__name__
            text = f"⚠️ the log file {self._file_name} cannot be written: {reason}; lines are missing there from now on"
            if not self._told_of_loss:
                self._told_of_loss = self._say("written", text)
            return
        if trouble:
            self._say("put aside", f"⚠️ the log file {self._file_name} cannot be put aside, and grows: {trouble}")
        if self._told_of_loss:
            self._tell(f"✅ the log file {self._file_name} is written again; lines missing there: {self._lost}")
            self._lost, self._told_of_loss = 0, False

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        super().close()

    def _say(self, what: str, text: str) -> bool:
        # A disk that is full and not full in turns would fill the terminal.
        if time.monotonic() < self._tell_after.get(what, 0.0):
            return False
        self._tell_after[what] = time.monotonic() + _TELL_EVERY_S
        self._tell(text)
        return True


class Outlet:
    """One writer with its queue and its thread.

    Attributes:
        handler: to be hung into a logger; returns at once.
    """

    def __init__(self, writer: logging.Handler) -> None:
        records: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.handler = _Intake(records)
        self._writer = writer
        self._thread = _Thread(records, writer)
        self._thread.start()

    def tell(self, record: logging.LogRecord) -> None:
        """Write this here, and nowhere else."""
        self.handler.handle(record)

    def close(self) -> None:
        """Write what waits; a writer that stands still is left after some seconds."""
        if self._thread.end():
            self._writer.close()


class _Intake(logging.handlers.QueueHandler):
    """Hands the record over as it is: formatting belongs to the writing thread."""

    def __init__(self, records: queue.SimpleQueue[Any]) -> None:
        super().__init__(records)
        self._records = records
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._records.qsize() >= _MOST_WAITING:
            self._dropped += 1
            return
        if self._dropped:
            text, self._dropped = f"{self._dropped} lines of the log were dropped: they could not be written", 0
            self._records.put(own_record(text))
        self._records.put(record)


class _Thread(logging.handlers.QueueListener):
    def __init__(self, records: queue.SimpleQueue[Any], writer: logging.Handler) -> None:
        super().__init__(records, writer)
        self._records = records

    def end(self) -> bool:
        """Ask to end after what waits; False when it stands still."""
        thread = self._thread
        if thread is None:
            return True
        self._thread = None
        self.enqueue_sentinel()
        waiting = self._records.qsize() + 1
        while thread.is_alive() and (left := self._records.qsize()) < waiting:
            waiting = left
            thread.join(_CLOSE_WITHIN_S)
        return not thread.is_alive()


def own_record(text: str) -> logging.LogRecord:
    """What the log says of itself."""
    return logging.LogRecord("nija.log", logging.WARNING, __file__, 0, text, None, None)
